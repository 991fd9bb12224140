import { useId } from "preact/hooks";
import { useWords } from "../../languages/language.ts";
import { Icon } from "../../parts/icon.tsx";

interface TextFieldProps {
  label: string;
  value: string;
  onChange(value: string): void;
  hint?: string;
  isMono?: boolean;
  suggestions?: readonly string[];
}

export function TextField({ label, value, onChange, hint, isMono, suggestions }: TextFieldProps) {
  const list = useId();
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        class={isMono ? "mono" : ""}
        value={value}
        placeholder={hint}
        list={suggestions ? list : undefined}
        spellcheck={false}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      {suggestions && (
        <datalist id={list}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
    </label>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  onChange(value: string): void;
  options: readonly (readonly [value: string, text: string])[];
}

export function Choice({ label, value, onChange, options }: ChoiceProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Switch({
  label,
  isOn,
  onChange,
}: {
  label: string;
  isOn: boolean;
  onChange(isOn: boolean): void;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={isOn}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      {label}
    </label>
  );
}

interface RowsProps {
  label: string;
  hint: string;
  values: readonly string[];
  onChange(values: string[]): void;
}

/** A list of texts, one below the other. */
export function Rows({ label, hint, values, onChange }: RowsProps) {
  const t = useWords();
  return (
    <fieldset>
      <legend>{label}</legend>
      {values.map((value, index) => (
        <div key={index} class="row-field">
          <input
            type="text"
            class="mono"
            aria-label={`${label} ${index + 1}`}
            value={value}
            placeholder={hint}
            spellcheck={false}
            onInput={({ currentTarget }) =>
              onChange(values.map((old, at) => (at === index ? currentTarget.value : old)))
            }
          />
          <button
            type="button"
            class="icon-button"
            aria-label={t.removeRow}
            onClick={() => onChange(values.filter((_, at) => at !== index))}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      <button
        type="button"
        class="quiet"
        aria-label={`${t.addRow}: ${label}`}
        onClick={() => onChange([...values, ""])}
      >
        <Icon name="plus" /> {t.addRow}
      </button>
    </fieldset>
  );
}
