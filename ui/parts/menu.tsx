import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";

export interface MenuItem {
  text: string;
  icon?: IconName;
  isDangerous?: boolean;
  run(): void;
}

/** A button with a list of actions; arrows move, Escape closes. */
export function Menu({
  label,
  items,
  children,
}: {
  label: string;
  items: readonly MenuItem[];
  children?: ComponentChildren;
}) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const leave = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    // What it belongs to moves away.
    document.addEventListener("scroll", leave, true);
    openBeside(root.current);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("scroll", leave, true);
    };
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    root.current?.querySelector<HTMLElement>("button")?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the menu within
    <div class="menu" ref={root} onKeyDown={(event) => isOpen && moveByKey(event, root.current, close)}>
      <button
        type="button"
        class={children ? "" : "icon-button"}
        aria-label={children ? undefined : label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {children ?? <Icon name="more" />}
      </button>
      {isOpen && (
        <div role="menu" class="menu-list" popover="manual" aria-label={label}>
          {items.map((item) => (
            <Item key={item.text} item={item} close={close} />
          ))}
        </div>
      )}
    </div>
  );
}

function Item({ item, close }: { item: MenuItem; close(): void }) {
  const { text, icon, isDangerous, run } = item;
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      class={isDangerous ? "dangerous" : ""}
      onClick={() => {
        close();
        run();
      }}
    >
      {icon && <Icon name={icon} />}
      {text}
    </button>
  );
}

/** In the browser's top layer, so that no table cuts it off; above its button where there is no room below. */
function openBeside(root: HTMLElement | null): void {
  const list = root?.querySelector<HTMLElement>('[role="menu"]');
  const button = root?.querySelector("button");
  if (!list || !button) return;
  list.showPopover();
  const { top, bottom, right } = button.getBoundingClientRect();
  const isBelow = bottom + list.offsetHeight < innerHeight;
  list.style.top = `${isBelow ? bottom : Math.max(4, top - list.offsetHeight)}px`;
  list.style.left = `${Math.max(4, right - list.offsetWidth)}px`;
  list.querySelector<HTMLElement>('[role="menuitem"]')?.focus();
}

function moveByKey(event: KeyboardEvent, root: HTMLElement | null, close: () => void): void {
  const items = [...(root?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const steps: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    Home: 0,
    End: items.length - 1,
  };
  const next = steps[event.key];
  if (event.key === "Escape" || event.key === "Tab") {
    if (event.key === "Escape") event.preventDefault();
    event.stopPropagation();
    close();
  } else if (next !== undefined) {
    event.preventDefault();
    event.stopPropagation();
    items[(next + items.length) % items.length]?.focus();
  }
}
