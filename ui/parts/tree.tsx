import { useState } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import { Icon } from "./icon.tsx";

const mostShown = 200;
/** What is deeper is closed at first. */
const openDepth = 1;

/** Any JSON, folded. */
export function Tree({ value }: { value: unknown }) {
  return (
    <div class="tree mono">
      {isBranch(value) ? <Members value={value} depth={0} /> : <Leaf value={value} />}
    </div>
  );
}

const isBranch = (value: unknown): value is object => typeof value === "object" && value !== null;

function Members({ value, depth }: { value: object; depth: number }) {
  const t = useWords();
  const [count, setCount] = useState(mostShown);
  const members = Object.entries(value);
  return (
    <ul>
      {members.slice(0, count).map(([name, member]) => (
        <Member key={name} name={name} value={member} depth={depth} />
      ))}
      {members.length > count && (
        <li>
          <button type="button" class="quiet" onClick={() => setCount(count + mostShown)}>
            {t.andMore(members.length - count)}
          </button>
        </li>
      )}
    </ul>
  );
}

function Member({ name, value, depth }: { name: string; value: unknown; depth: number }) {
  const size = isBranch(value) ? Object.keys(value).length : 0;
  const [isOpen, setOpen] = useState(depth < openDepth && size <= mostShown);
  if (!isBranch(value) || size === 0)
    return (
      <li>
        <span class="tree-name">{name}</span>{" "}
        {isBranch(value) ? <i>{Array.isArray(value) ? "[]" : "{}"}</i> : <Leaf value={value} />}
      </li>
    );
  return (
    <li>
      <button type="button" class="fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} />
        <span class="tree-name">{name}</span> <i>{Array.isArray(value) ? `[${size}]` : `{${size}}`}</i>
      </button>
      {isOpen && <Members value={value} depth={depth + 1} />}
    </li>
  );
}

function Leaf({ value }: { value: unknown }) {
  return (
    <span class={`tree-${typeof value}`}>
      {value === null || value === undefined ? "null" : String(value)}
    </span>
  );
}
