interface SearchFieldProps {
  label: string;
  value: string;
  onChange(value: string): void;
}

/** What narrows a list down to the entries that have these words. */
export function SearchField({ label, value, onChange }: SearchFieldProps) {
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={label}
      value={value}
      onInput={({ currentTarget }) => onChange(currentTarget.value)}
    />
  );
}
