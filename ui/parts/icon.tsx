/** Drawn on a grid of 16, with strokes. */
const paths = {
  overview: "M2 9h4v5H2zM6 5h4v9H6zM10 2h4v12h-4z",
  containers: "M2 4.5 8 2l6 2.5v7L8 14l-6-2.5zM2 4.5 8 7l6-2.5M8 7v7",
  projects: "M2 3h5v4H2zM9 3h5v4H9zM5 10h6v4H5zM4.500 7v1.500h7V7M8 8.500V10",
  images: "M8 2 2 5l6 3 6-3zM2 8l6 3 6-3M2 11l6 3 6-3",
  networks: "M6 2h4v4H6zM2 11h4v3H2zM10 11h4v3h-4zM8 6v3M4 11V9h8v2",
  volumes:
    "M2 4c0-2.600 12-2.600 12 0v8c0 2.600-12 2.600-12 0zM2 4c0 2.600 12 2.600 12 0M2 8c0 2.600 12 2.600 12 0",
  registry: "M2 2h12v4H2zM2 10h12v4H2zM8 6v4M4.500 4h1M4.500 12h1",
  engine:
    "M8 5.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5M8 1v3M8 12v3M1 8h3M12 8h3M3 3l2 2M11 11l2 2M13 3l-2 2M5 11l-2 2",
  start: "M4 2.500v11l9-5.500z",
  stop: "M3.500 3.500h9v9h-9z",
  restart: "M13 8a5 5 0 1 1-1.500-3.600M13 2v3h-3",
  pause: "M5 3v10M11 3v10",
  kill: "M3 3l10 10M13 3 3 13",
  remove: "M3 4h10M6 4V2.500h4V4M4.500 4l.500 10h6l.500-10M7 7v4M9 7v4",
  more: "M3 8h.010M8 8h.010M13 8h.010",
  close: "M4 4l8 8M12 4l-8 8",
  logs: "M3 4h10M3 7h10M3 10h7M3 13h5",
  terminal: "M2 3h12v10H2zM4.500 6 7 8l-2.500 2M8 10.500h3.500",
  download: "M8 2v8M5 7l3 3 3-3M3 13h10",
  upload: "M8 11V3M5 6l3-3 3 3M3 13h10",
  folder: "M2 4h4l1.500 2H14v7H2z",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  link: "M7 9l5-5M9 3h4v4M11 9v4H3V5h4",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  right: "M6 3l5 5-5 5",
  copy: "M5 5h8v8H5zM3 11V3h8",
  plus: "M8 3v10M3 8h10",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M10.500 10.500 14 14",
  health: "M1.500 8h3l2-4 3 8 2-4h3",
  lock: "M4 7h8v7H4zM5.500 7V5a2.500 2.500 0 0 1 5 0v2",
  leave: "M9 3H3v10h6M7 8h7M11 5l3 3-3 3",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
