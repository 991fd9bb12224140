import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useWords } from "../languages/language.ts";
import { Icon } from "../parts/icon.tsx";
import { Tree } from "../parts/tree.tsx";
import { parseFieldFilter, parseFields } from "./fields.ts";
import type { LogLine } from "./line-store.ts";
import { LogLines } from "./log-lines.tsx";
import type { LogLook } from "./look.ts";
import { saveLines } from "./save-lines.ts";
import type { LogQuery } from "./selection.ts";
import { type LogSource, useLog } from "./use-log.ts";

interface PanelProps {
  sources: readonly LogSource[];
  /** Above the log, where several stand side by side. */
  title?: string;
  onClose?(): void;
  /** Further tools. */
  tools?: ComponentChildren;
}

/** The log of a container, or of several as one. */
export function LogPanel({ sources, title, onClose, tools }: PanelProps) {
  const t = useWords();
  const [query, setQuery] = useState<LogQuery>({ search: "", isOnlyMatches: false, fields: "" });
  const [look, setLook] = useState<LogLook>({ isFollowing: true, isWrapped: false, hasTime: false });
  const [match, setMatch] = useState(-1);
  const [opened, setOpened] = useState<LogLine>();
  const log = useLog(sources, query);
  const { lines, matches } = log.selection;
  const step = (by: number) => {
    if (matches.length === 0) return;
    setLook({ ...look, isFollowing: false });
    setMatch(
      (old) => (Math.max(-1, old) + by + matches.length + (old < 0 && by < 0 ? 1 : 0)) % matches.length,
    );
  };
  return (
    <section class="log-panel" aria-label={title ?? t.logs}>
      {title !== undefined && (
        <header>
          <strong>{title}</strong>
          <button type="button" class="icon-button" aria-label={`${t.close}: ${title}`} onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
      )}
      <Tools
        query={query}
        look={look}
        matches={matches.length}
        setLook={setLook}
        onStep={step}
        onSave={() => saveLines(sources, lines)}
        onClear={log.clear}
        more={tools}
        setQuery={(next) => {
          setQuery(next);
          setMatch(-1);
        }}
      />
      <LogLines
        sources={sources}
        lines={lines}
        look={look}
        pattern={log.pattern}
        marked={matches[match]}
        onFollow={(isFollowing) =>
          setLook((old) => (old.isFollowing === isFollowing ? old : { ...old, isFollowing }))
        }
        onOpen={(line) => setOpened(parseFields(line.text) ? line : undefined)}
        empty={log.store.lines.length > 0 ? t.nothingFound : t.noLogs}
      />
      {opened && (
        <div class="log-detail">
          <button type="button" class="icon-button" aria-label={t.close} onClick={() => setOpened(undefined)}>
            <Icon name="close" />
          </button>
          <Tree value={parseFields(opened.text)} />
        </div>
      )}
      <footer class="muted">
        <span>{t.lines(lines.length)}</span>
        {log.store.dropped > 0 && <span>{t.linesDropped(log.store.dropped)}</span>}
        {log.end !== undefined && <span>{log.end || t.logsEnded}</span>}
      </footer>
    </section>
  );
}

interface ToolProps {
  query: LogQuery;
  look: LogLook;
  matches: number;
  setQuery(query: LogQuery): void;
  setLook(look: LogLook): void;
  onStep(by: number): void;
  onSave(): void;
  onClear(): void;
  more: ComponentChildren;
}

function Tools({ query, look, matches, setQuery, setLook, onStep, onSave, onClear, more }: ToolProps) {
  const t = useWords();
  const isWrong = query.fields.trim() !== "" && !parseFieldFilter(query.fields);
  const toggle = (name: keyof LogLook, text: string) => (
    <button type="button" aria-pressed={look[name]} onClick={() => setLook({ ...look, [name]: !look[name] })}>
      {text}
    </button>
  );
  return (
    <div class="toolbar" role="toolbar" aria-label={t.logs}>
      <input
        type="search"
        placeholder={t.searchLogs}
        aria-label={t.searchLogs}
        value={query.search}
        onInput={({ currentTarget }) => setQuery({ ...query, search: currentTarget.value })}
        onKeyDown={({ key, shiftKey }) => key === "Enter" && onStep(shiftKey ? -1 : 1)}
      />
      {query.search && (
        <>
          <span class="muted" role="status">
            {t.matches(matches)}
          </span>
          <button type="button" class="icon-button" aria-label={t.previousMatch} onClick={() => onStep(-1)}>
            <Icon name="up" />
          </button>
          <button type="button" class="icon-button" aria-label={t.nextMatch} onClick={() => onStep(1)}>
            <Icon name="down" />
          </button>
          <button
            type="button"
            aria-pressed={query.isOnlyMatches}
            onClick={() => setQuery({ ...query, isOnlyMatches: !query.isOnlyMatches })}
          >
            {t.onlyMatches}
          </button>
        </>
      )}
      <input
        type="text"
        class="mono"
        placeholder={t.fieldFilterHint}
        aria-label={t.fieldFilter}
        aria-invalid={isWrong}
        title={isWrong ? t.fieldFilterWrong : t.fieldFilter}
        value={query.fields}
        onInput={({ currentTarget }) => setQuery({ ...query, fields: currentTarget.value })}
      />
      {toggle("isFollowing", t.follow)}
      {toggle("isWrapped", t.wrap)}
      {toggle("hasTime", t.timestamps)}
      <button type="button" onClick={onSave}>
        <Icon name="download" /> {t.download}
      </button>
      <button type="button" onClick={onClear}>
        {t.clear}
      </button>
      {more}
    </div>
  );
}
