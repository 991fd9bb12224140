import { useEffect, useState } from "preact/hooks";
import { get } from "./api/call.ts";
import { Frame } from "./frame.tsx";
import { followContainers } from "./live/containers.ts";
import { followEvents } from "./live/events.ts";
import { followTraits } from "./live/traits.ts";
import { Login } from "./login.tsx";
import { TextQuestions } from "./parts/ask-text.tsx";
import { Confirmation } from "./parts/dialog.tsx";
import { Notices } from "./parts/notices.tsx";
import { session, sessionKey } from "./session.ts";
import { useStore } from "./store.ts";
import { Views } from "./views/views.tsx";

export function App() {
  const key = useStore(sessionKey);
  return (
    <>
      {key === "" || location.hash.length > 20 ? <Login /> : <Inside key={key} />}
      <Notices />
    </>
  );
}

const retryMilliseconds = 2000;

/** The page once a login is there; the engine is followed as long as it is. */
function Inside() {
  const known = useStore(session);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    get<{ isReadOnly: boolean }>("/ui/session").then(
      (found) => session.set(found),
      () => {
        timer = setTimeout(() => setTries(tries + 1), retryMilliseconds);
      },
    );
    return () => clearTimeout(timer);
  }, [tries]);
  useEffect(() => {
    const ends = [followContainers(), followTraits(), followEvents()];
    return () => {
      for (const end of ends) end();
    };
  }, []);
  if (!known) return null;
  return (
    <>
      <Frame>
        <Views />
      </Frame>
      <Confirmation />
      <TextQuestions />
    </>
  );
}
