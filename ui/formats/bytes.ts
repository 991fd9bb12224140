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

const powers: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** "512m" as docker's command line reads it; undefined for what is no size. */
export function parseBytes(text: string): number | undefined {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const power = powers[unit.toLowerCase()];
  return number === "" || power === undefined ? undefined : Math.round(Number(number) * power);
}
