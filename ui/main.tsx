import { render } from "preact";
import { App } from "./app.tsx";
import { applyChoices } from "./theme.ts";

applyChoices();
render(<App />, document.body);
