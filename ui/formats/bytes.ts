const units = ["B", "kB", "MB", "GB", "TB"];

/** As docker writes sizes: "1.23MB", in thousands. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

export const formatPercent = (value: number) => `${value.toFixed(value >= 100 ? 0 : 1)} %`;
