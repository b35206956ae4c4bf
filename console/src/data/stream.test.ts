import { describe, expect, it } from "vitest";

import { backoffMs, MessageParser } from "./stream";

describe("MessageParser", () => {
  it("puts messages together from chunks cut anywhere", () => {
    const text = 'id: 0-7\ndata: {"a":\ndata: 1}\n\nid: 0-8\nevent: heartbeat\ndata: {}\n\n: a remark\n\n';
    for (let size = 1; size < 12; size += 1) {
      const parser = new MessageParser();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...parser.feed(text.slice(at, at + size)));
      expect(found).toEqual([
        { id: "0-7", event: "message", data: '{"a":\n1}' },
        { id: "0-8", event: "heartbeat", data: "{}" },
      ]);
    }
  });
  it("keeps the last id for messages without one", () => {
    const parser = new MessageParser();
    expect(parser.feed("id: 0-1\ndata: a\n\ndata: b\n\n").map((message) => message.id)).toEqual(["0-1", "0-1"]);
  });
  it("keeps what is not complete for the next chunk", () => {
    const parser = new MessageParser();
    expect(parser.feed("data: half")).toEqual([]);
    expect(parser.feed("\n\n")).toEqual([{ id: null, event: "message", data: "half" }]);
  });
});

describe("backoffMs", () => {
  it("grows to ten seconds and is never nothing", () => {
    expect(backoffMs(0, 0)).toBe(250);
    expect(backoffMs(2, 1)).toBe(2000);
    expect(backoffMs(50, 1)).toBe(10_000);
  });
});
