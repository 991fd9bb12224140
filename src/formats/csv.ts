/** The fields of one line of comma-separated values; a quoted field may hold commas, and `""` is a quote in it. */
export function parseCsvLine(text: string): string[] {
  const fields: string[] = [];
  let field = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (isQuoted) {
      if (char !== '"') field += char;
      else if (text[at + 1] === '"') field += text[++at];
      else isQuoted = false;
    } else if (char === '"' && field === "") isQuoted = true;
    else if (char === ",") {
      fields.push(field);
      field = "";
    } else field += char;
  }
  if (isQuoted)
    throw new Error(
      `parse error on line 1, column ${text.length + 1}: extraneous or missing " in quoted-field`,
    );
  return [...fields, field];
}
