/** A volume as it is stored. */
export interface VolumeRecord {
  name: string;
  /** RFC 3339. */
  created: string;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** Set while image content is being copied in: a copy that was cut off is made again. */
  isPopulating?: boolean;
  /** Made for a container that is being created, and not yet in its record: goes when the creation is cut off. */
  isUnclaimed?: boolean;
}

export interface VolumeCreateBody {
  Name?: string;
  Driver?: string;
  DriverOpts?: Record<string, string> | null;
  Labels?: Record<string, string> | null;
}
