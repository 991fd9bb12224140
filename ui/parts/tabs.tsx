import { Link } from "./link.tsx";

export interface Tab {
  name: string;
  title: string;
  to: string;
}

/** Parts of one thing, each with an address of its own. */
export function Tabs({ tabs, current, label }: { tabs: readonly Tab[]; current: string; label: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ name, title, to }) => (
        <Link key={name} to={to} isCurrent={name === current}>
          {title}
        </Link>
      ))}
    </nav>
  );
}
