/** Lines as syslog servers read them, in the forms of Docker's driver (RFC 3164, RFC 5424). */

export type SyslogFormat = "" | "rfc3164" | "rfc5424" | "rfc5424micro";

export interface SyslogLine {
  facility: number;
  severity: number;
  /** Milliseconds since the epoch, with a fraction. */
  time: number;
  hostname: string;
  tag: string;
  pid: number;
  text: string;
}

/** Facilities by name, each at its number. */
export const facilities = [
  ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
  ...["", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
];

const longestAppName = 48;

export function formatSyslog(format: SyslogFormat, line: SyslogLine): string {
  const { hostname, tag, pid, text, time } = line;
  const priority = `<${line.facility * 8 + line.severity}>`;
  switch (format) {
    case "":
      return `${priority}${formatStamp(time)} ${tag}[${pid}]: ${text}\n`;
    case "rfc3164":
      return `${priority}${formatStamp(time)} ${hostname} ${tag}[${pid}]: ${text}\n`;
    default: {
      const stamp = formatRfc3339(time, format === "rfc5424micro");
      return `${priority}1 ${stamp} ${hostname} ${tag.slice(0, longestAppName)} ${pid} ${tag} - ${text}\n`;
    }
  }
}

/** With its length before it, as TLS wants it (RFC 5425, section 4.3). */
export function frameSyslog(message: string): string {
  return `${Buffer.byteLength(message)} ${message}`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "Nov  9 12:09:17", in local time. */
function formatStamp(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${months[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock}`;
}

function formatRfc3339(milliseconds: number, isMicro: boolean): string {
  const second = Math.floor(milliseconds / 1000);
  const text = new Date(second * 1000).toISOString().slice(0, 19);
  const micro = Math.floor((milliseconds - second * 1000) * 1000);
  return isMicro ? `${text}.${String(micro).padStart(6, "0")}Z` : `${text}Z`;
}
