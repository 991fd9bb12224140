import type { historyEvent } from "../buildkit/messages/control.ts";
import type { Given, MessageOf } from "../buildkit/wire/message.ts";

type Event = Given<MessageOf<typeof historyEvent>>;

/** Those who listen for what is new. */
export interface HistoryListeners {
  tell(event: Event): void;
  listeners: Set<(event: Event) => void>;
}

export function createHistoryListeners(): HistoryListeners {
  const listeners: HistoryListeners["listeners"] = new Set();
  return {
    listeners,
    tell(event) {
      for (const listener of listeners) listener(event);
    },
  };
}
