/** Requests to OnCue's API: the session cookie goes along, refusals come back as `Problem`. */

/** One thing that is wrong with a manifest; lines and columns count from 1, 0 is unknown. */
export interface Fault {
  code: string;
  detail: string;
  level?: "error" | "warning";
  path?: string;
  line?: number;
  column?: number;
}

/** What the API answered instead: RFC 9457, with OnCue's stable `code` and a `hint` on what to do. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly title: string,
    readonly status: number,
    readonly detail: string,
    readonly hint: string,
    readonly retryAfterS: number | null = null,
    /** What is wrong in a document, each with its place. */
    readonly problems: readonly Fault[] = [],
  ) {
    super(detail === "" ? title : `${title}: ${detail}`);
    this.name = "Problem";
  }
}

export const UNREACHABLE = "server.unreachable";

type Parameter = string | number | boolean | null | undefined;
export type Query = Record<string, Parameter | readonly string[]>;

/** The query string of a request; empty values are left out, lists repeat their name. */
export function queryString(query: Query): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue;
    if (Array.isArray(value)) for (const each of value) parts.append(name, String(each));
    else parts.append(name, String(value));
  }
  const text = parts.toString();
  return text === "" ? "" : `?${text}`;
}

/** The value of one cookie, or null. */
export function cookie(all: string, name: string): string | null {
  for (const part of all.split("; ")) {
    const equals = part.indexOf("=");
    if (equals > 0 && part.slice(0, equals) === name) return decodeURIComponent(part.slice(equals + 1));
  }
  return null;
}

/** Reads a refusal from an answer whose body may be anything, also a proxy's page. */
export function problemOf(status: number, body: unknown, retryAfter: string | null): Problem {
  const text = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise);
  const fields = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const seconds = retryAfter === null ? Number.NaN : Number(retryAfter);
  return new Problem(
    text(fields["code"], `http.${String(status)}`),
    text(fields["title"], "The server refused"),
    status,
    text(fields["detail"], ""),
    text(fields["hint"], "Try again; if it stays so, `oncue doctor` on the server says more."),
    Number.isFinite(seconds) ? seconds : null,
    Array.isArray(fields["problems"]) ? (fields["problems"] as Fault[]) : [],
  );
}

async function send(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const csrf = cookie(document.cookie, "oncue_csrf");
  if (method !== "GET" && csrf !== null) headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = typeof body === "string" ? "application/yaml" : "application/json";
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (body !== undefined) init.body = typeof body === "string" ? body : JSON.stringify(body);
  if (signal) init.signal = signal;
  try {
    return await fetch(`/api/v1${path}`, init);
  } catch (failure) {
    if (failure instanceof DOMException && failure.name === "AbortError") throw failure;
    throw new Problem(
      UNREACHABLE, "The server does not answer", 0,
      "Nothing was changed by this request as far as the console knows.",
      "It is tried again by itself. If it stays so, see whether `oncue up` is running.",
    );
  }
}

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: unknown = undefined;
  if (text !== "") {
    try {
      body = JSON.parse(text);
    } catch {
      // A page from something between us and the server: the status says enough.
      body = undefined;
    }
  }
  if (!response.ok) throw problemOf(response.status, body, response.headers.get("Retry-After"));
  return body as T;
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return answer<T>(await send("GET", path + queryString(query), undefined, signal));
}

/** What is no JSON: a file to be kept. */
export async function file(path: string, query: Query = {}): Promise<Blob> {
  const response = await send("GET", path + queryString(query), undefined);
  return response.ok ? response.blob() : answer<Blob>(response);
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return answer<T>(await send("POST", path, body));
}

/** Sends YAML. */
export async function postYaml<T>(path: string, query: Query, yaml: string): Promise<T> {
  return answer<T>(await send("POST", path + queryString(query), yaml));
}

export async function put<T>(path: string, body: unknown = {}): Promise<T> {
  return answer<T>(await send("PUT", path, body));
}

export async function patch<T>(path: string, body: unknown): Promise<T> {
  return answer<T>(await send("PATCH", path, body));
}

export async function remove<T>(path: string): Promise<T> {
  return answer<T>(await send("DELETE", path, undefined));
}

/** One page of a list: `next` is the cursor of the following page, null at the end. */
export interface Page<T> {
  items: T[];
  next: string | null;
}
