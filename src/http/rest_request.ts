/** What the routes take of a request; a web `Request` is one. */
export interface RestRequest {
  readonly method: string;
  /** Absolute; its path and query are as they were sent. */
  readonly url: string;
  readonly headers: RequestHeaders;
  /** The body piece by piece; its cancelling leaves the rest unread. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** The whole body; rejects where it breaks off. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface RequestHeaders {
  /** By its name in lower case; what comes more than once is joined by `, `. */
  get(name: string): string | null;
}
