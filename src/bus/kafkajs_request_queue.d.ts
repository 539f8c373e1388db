/** What `kafka_client.ts` touches of kafkajs 2.2.4's src/network/requestQueue/index.js. */
declare class RequestQueue {
  /** Requests that wait for a throttled broker. */
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}
export default RequestQueue;
