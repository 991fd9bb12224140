/** This release. */
export const version = "0.1.0";

/** The newest and the oldest version of the Docker Engine API that is served. */
export const apiVersion = "1.51";
export const minApiVersion = "1.24";
