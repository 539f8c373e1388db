/** The version of this build, as released. */
export const VERSION = "0.1.0";
