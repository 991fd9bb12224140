import { globSync, readFileSync } from "node:fs";

/** Phrases that read as translated, wherever a person reads: each has a plainer one. */
const tics: [phrase: RegExp, plainer: string, except?: RegExp][] = [
  [/\b(?:is|are|was|were|be) told\b|\btold of\b|\btells? of\b/i, '"the engine reports", "the caller gets"'],
  [/\banew\b/i, '"again", "afresh"'],
  [/\bgone on with\b/i, '"continued"'],
  [/\bis no more\b/i, '"no longer exists"'],
  [/\bwhat of (?:it|them)\b/i, '"the parts that"'],
  [/\bso many\b/i, '"this many", "at most N"'],
  [/\bwhoever\b/i, '"the caller", "a client that"'],
  [/\bas (?:it|they) must be\b/i, '"correct", "restored"'],
  [/\bto be called\b/i, '"call it", "the name"'],
  [
    /\b(?:no|any|some|every)body\b/i,
    '"no other process", "a client", "the daemon": say which',
    /make-busybox/,
  ],
  [/\bto be had\b/i, '"cannot be reached", "where to get it"'],
  [/\bin (?:our|its) care\b/i, '"the supervisor handles"'],
  [/\bwho (?:asks|still|waits|brings|reads)\b/i, '"a client that asks", "a waiting caller"'],
];

const complaints = globSync(["src/**/*.ts", "ui/**/*.{ts,tsx}", "*.md", "docs/*.md"]).flatMap((file) =>
  readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line, at) =>
      tics
        .filter(([phrase, , except]) => phrase.test(line) && !except?.test(file))
        .map(([, plainer]) => `${file}:${at + 1}: say it plainer, for example ${plainer}: ${line.trim()}`),
    ),
);

for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;
