/** An image's name in a path: its slashes, colons and at signs stay, what would end or change the path does not. */
export function encodeImageName(name: string): string {
  const parts = name
    .split("/")
    .map((part) => encodeURIComponent(part).replaceAll("%3A", ":").replaceAll("%40", "@"));
  // A part of dots would be taken for a folder on the way.
  return parts.map((part) => (/^\.+$/.test(part) ? part.replaceAll(".", "%2E") : part)).join("/");
}
