import { CacheError } from "../../src/core/errors.ts";
import { Refusal } from "../support/cache_driver.ts";

/** What `work` gives; a `CacheError` becomes the `Refusal` that a client would see. */
export async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CacheError) throw new Refusal(error.code, error.message);
    throw error;
  }
}
