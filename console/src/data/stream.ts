/** Server-sent events over fetch: any event name is heard, and a lost connection resumes after the last id. */

export interface Message {
  id: string | null;
  event: string;
  data: string;
}

/** Splits a stream of text chunks into messages. Feed it chunks as they come; it keeps what is not yet complete. */
export class MessageParser {
  private rest = "";
  private event = "message";
  private data: string[] = [];
  private id: string | null = null;

  feed(chunk: string): Message[] {
    const lines = (this.rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    const out: Message[] = [];
    for (const line of lines) {
      if (line === "") {
        if (this.data.length > 0) out.push({ id: this.id, event: this.event, data: this.data.join("\n") });
        else if (this.id !== null && this.event !== "message") out.push({ id: this.id, event: this.event, data: "" });
        this.event = "message";
        this.data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") this.data.push(value);
      else if (name === "event") this.event = value;
      else if (name === "id" && !value.includes("\0")) this.id = value;
    }
    return out;
  }
}

/** Milliseconds before the n-th attempt to connect again: quick at first, at most ten seconds, never in step. */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(10_000, 500 * 2 ** Math.min(attempt, 6)) * (0.5 + random / 2);
}

export type Connection = "connecting" | "live" | "lost";

export interface StreamHandlers {
  onMessage: (message: Message) => void;
  onState: (state: Connection) => void;
  /** The session is gone: connecting again would only be refused again. */
  onSignedOut: () => void;
}

/** Milliseconds without a byte after which the connection counts as lost; the server's heartbeats come oftener. */
const SILENCE_MS = 45_000;

export interface Stream {
  close: () => void;
  /** Connects anew, to what the address is by now; nothing is missed meanwhile. */
  again: () => void;
}

/** Connects and stays connected until it is closed. */
export function openStream(path: () => string, handlers: StreamHandlers): Stream {
  const closing = new AbortController();
  let connection = new AbortController();
  let lastId: string | null = null;
  let attempt = 0;
  let turning = false;
  let wake: (() => void) | null = null;

  async function once(): Promise<"again" | "stop"> {
    const own = new AbortController();
    connection = own;
    const abort = (): void => own.abort();
    closing.signal.addEventListener("abort", abort);
    let silence = setTimeout(abort, SILENCE_MS);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId !== null) headers["Last-Event-ID"] = lastId;
      const response = await fetch(path(), { headers, signal: own.signal, credentials: "same-origin", cache: "no-store" });
      if (response.status === 401) return "stop";
      if (!response.ok || response.body === null) return "again";
      handlers.onState("live");
      attempt = 0;
      const parser = new MessageParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return "again";
        clearTimeout(silence);
        silence = setTimeout(abort, SILENCE_MS);
        for (const message of parser.feed(value)) {
          if (message.id !== null) lastId = message.id;
          handlers.onMessage(message);
        }
      }
    } catch {
      // The connection broke or was closed by us; either way the loop below decides what follows.
      return "again";
    } finally {
      clearTimeout(silence);
      closing.signal.removeEventListener("abort", abort);
    }
  }

  async function run(): Promise<void> {
    handlers.onState("connecting");
    while (!closing.signal.aborted) {
      const outcome = await once();
      if (closing.signal.aborted) return;
      if (outcome === "stop") {
        handlers.onSignedOut();
        return;
      }
      if (turning) {
        turning = false;
        continue;
      }
      handlers.onState("lost");
      const delay = backoffMs(attempt, Math.random());
      attempt += 1;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delay);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = null;
    }
  }

  const hurry = (): void => wake?.();
  window.addEventListener("online", hurry);
  void run();
  return {
    close: () => {
      window.removeEventListener("online", hurry);
      closing.abort();
      wake?.();
    },
    again: () => {
      // One that waits before it connects uses the new address by itself.
      if (wake !== null) return;
      turning = true;
      connection.abort();
    },
  };
}
