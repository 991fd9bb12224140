import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, mock } from "node:test";
import { createAttempts } from "../../src/ui/attempts.ts";
import { openHistory } from "../../src/ui/history.ts";
import { type Rates, ratesOf } from "../../src/ui/rates.ts";
import { createUiSessions, sessionSeconds } from "../../src/ui/sessions.ts";
import { createTickets } from "../../src/ui/tickets.ts";

describe("what the page's server keeps is bounded", () => {
  it("ends sessions after their time", () => {
    let now = 0;
    const sessions = createUiSessions(() => now);
    const { id, session } = sessions.begin();
    assert.equal(sessions.find(id)?.key, session.key);
    now = sessionSeconds * 1000;
    assert.equal(sessions.find(id), undefined);
    assert.ok(session.signal.aborted);
  });

  it("ends sessions of which no request comes any more, and so their streams", () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    const sessions = createUiSessions();
    const { session } = sessions.begin();
    const { session: other, id } = sessions.begin();
    sessions.end(id);
    assert.ok(other.signal.aborted);
    mock.timers.tick(sessionSeconds * 1000 - 1);
    assert.ok(!session.signal.aborted);
    mock.timers.tick(1);
    assert.ok(session.signal.aborted);
    mock.timers.reset();
  });

  it("ends the oldest of too many sessions", () => {
    const sessions = createUiSessions();
    const made = Array.from({ length: 65 }, () => sessions.begin());
    assert.equal(sessions.find(made[0]!.id), undefined);
    assert.ok(made[0]!.session.signal.aborted);
    assert.ok(sessions.find(made[1]!.id));
  });

  it("has wrong tries wait longer each time, to a limit, and forgets them", () => {
    let now = 0;
    const attempts = createAttempts(() => now);
    const waits: number[] = [];
    for (let tries = 0; tries < 14; tries++) {
      attempts.fail("192.0.2.1");
      const began = now;
      for (;;) {
        try {
          attempts.check("192.0.2.1");
          break;
        } catch {
          now += 1000;
        }
      }
      waits.push((now - began) / 1000);
    }
    assert.deepEqual(waits, [0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]);
    attempts.check("192.0.2.2");
    now += 3600_001;
    attempts.fail("192.0.2.1");
    attempts.check("192.0.2.1");
  });

  it("takes a network of IPv6 for one address, and keeps a thousand at most", () => {
    const attempts = createAttempts(() => 0);
    for (let host = 1; host < 6; host++) attempts.fail(`2001:db8:1:2::${host}`);
    assert.throws(() => attempts.check("2001:db8:1:2:ffff::9"), /too many wrong tries/);
    attempts.check("2001:db8:1:3::1");
    for (let tries = 0; tries < 5; tries++) attempts.fail("::ffff:192.0.2.1");
    assert.throws(() => attempts.check("192.0.2.1"), /too many/);
    for (let host = 0; host < 1000; host++) attempts.fail(`198.51.${host >> 8}.${host & 255}`);
    attempts.check("192.0.2.1");
  });

  it("forgets downloads that were not fetched", () => {
    let now = 0;
    const tickets = createTickets(() => now);
    const session = { key: "", signal: AbortSignal.abort() };
    const issue = () => tickets.issue(session, { target: "/", fileName: "x" });
    const first = issue();
    now = 60_001;
    assert.throws(() => tickets.redeem(session, first), /no longer valid/);
    const second = issue();
    for (let count = 0; count < 256; count++) issue();
    assert.throws(() => tickets.redeem(session, second), /no longer valid/);
  });

  it("keeps days of usage in two files of a bounded size, over restarts", () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
    const named = (name: string): Rates => ({
      ...{ id: name, name, cpu: 1.5, memory: 1e6, memoryLimit: 0, received: 1, sent: 2, read: 3, written: 4 },
      processes: 1,
    });
    const rates = Array.from({ length: 20 }, (_, index) => named(`${index}-${"n".repeat(80)}`));
    const history = openHistory(folder);
    const minutes = 12_000;
    for (let minute = 1; minute <= minutes; minute++) history.add(minute * 60_000, rates);
    history.add(minutes * 60_000 + 5000, rates);
    const size = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    assert.ok(size < 9e6, String(size));
    const kept = openHistory(folder).read((minutes - 60) * 60);
    assert.equal(kept.length, 61);
    assert.deepEqual([kept.at(-1)?.at, kept.at(-1)?.cpu, kept.at(-1)?.top.length], [minutes * 60, 30, 4]);
    assert.ok(openHistory(folder).read(0).length <= 1500);
    rmSync(folder, { recursive: true });
  });

  it("keeps the minutes in memory while they cannot be written", () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
    const history = openHistory(folder);
    history.add(60_000, []);
    rmSync(folder, { recursive: true });
    history.add(120_000, []);
    assert.deepEqual(
      history.read(0).map(({ at }) => at),
      [60, 120],
    );
    mkdirSync(folder);
    history.add(180_000, []);
    assert.equal(openHistory(folder).read(0).at(-1)?.at, 180);
    rmSync(folder, { recursive: true });
  });

  it("works rates out of what only grows, also over a restart of the container", () => {
    const used = { id: "a", name: "a", memoryBytes: 5, memoryLimitBytes: 9, processes: 2 };
    const counted = (value: number) => ({
      ...{ cpuNanoseconds: value * 1e9, receivedBytes: value, sentBytes: value },
      ...{ readBytes: value, writtenBytes: value },
    });
    const first = { at: 0, all: [{ ...used, ...counted(10) }] };
    const second = { at: 2000, all: [{ ...used, ...counted(11) }] };
    const restarted = { at: 4000, all: [{ ...used, ...counted(1) }] };
    assert.equal(ratesOf(first, undefined)[0]?.cpu, 0);
    assert.equal(ratesOf(second, first)[0]?.cpu, 50);
    assert.equal(ratesOf(restarted, second)[0]?.cpu, 0);
  });
});
