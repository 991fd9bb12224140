/** What the runtime writes beside a probe's process file, as long as that is under way. */
export const probeFiles = (processFile: string) => ({
  pidFile: `${processFile}${pidSuffix}`,
  logFile: `${processFile}.probe-log`,
});

/** Of what is in the folder of a container's bundle. */
export const isProbePidFile = (name: string) => name.endsWith(pidSuffix);

const pidSuffix = ".probe-pid";
