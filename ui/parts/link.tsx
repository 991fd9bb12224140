import type { ComponentChildren } from "preact";
import { go } from "../router.ts";

interface LinkProps {
  to: string;
  children: ComponentChildren;
  class?: string;
  title?: string;
  isCurrent?: boolean | undefined;
}

/** A real link: it can be opened in another tab, and is followed without loading the page again. */
export function Link({ to, children, class: classes, title, isCurrent }: LinkProps) {
  return (
    <a
      href={to}
      class={classes}
      title={title}
      aria-current={isCurrent ? "page" : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
