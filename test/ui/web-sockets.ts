/** Streams as a page opens them: what a browser has of them, and the server's end of each. */
export class FakeWebSocket {
  static readonly OPEN = 1;
  static readonly all: FakeWebSocket[] = [];
  readonly url: string;
  onmessage: (message: { data: unknown }) => void = () => {};
  onclose: (end: { code: number }) => void = () => {};

  constructor(url: string) {
    this.url = decodeURIComponent(url);
    FakeWebSocket.all.push(this);
  }

  close(): void {}

  begin(type: string): void {
    this.onmessage({ data: JSON.stringify({ type }) });
  }

  say(text: string): void {
    this.onmessage({ data: Uint8Array.from(Buffer.from(text)).buffer });
  }
}

/** Puts them where the page finds them. */
export function installWebSockets(): void {
  Object.assign(globalThis, {
    WebSocket: FakeWebSocket,
    location: { protocol: "http:", host: "page" },
  });
}

/** A module of the page. Its types are a browser's, which the tests are not checked with. */
export const loadPage = (path: string) => import(new URL(`../../ui/${path}`, import.meta.url).href);

export const socketsOf = (path: string) => FakeWebSocket.all.filter(({ url }) => url.includes(path));
