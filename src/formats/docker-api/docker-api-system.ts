import type { ContainerSummary, ImageSummary, Volume } from "./docker-api.ts";

/** The shapes of the system side of the Docker Engine API: version, info, events, disk usage, stats. */

export interface VersionResponse {
  Platform?: { Name: string };
  Components?: { Name: string; Version: string; Details?: Record<string, string> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion?: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion?: string;
  Experimental?: boolean;
  BuildTime?: string;
}

/** `GET /info`: what clients read; the daemon may send more. */
export interface InfoResponse {
  ID: string;
  Name: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus: [string, string][] | null;
  Plugins: {
    Volume: string[] | null;
    Network: string[] | null;
    Authorization: string[] | null;
    Log: string[] | null;
  };
  MemoryLimit: boolean;
  SwapLimit: boolean;
  CpuCfsPeriod: boolean;
  CpuCfsQuota: boolean;
  CPUShares: boolean;
  CPUSet: boolean;
  PidsLimit: boolean;
  OomKillDisable: boolean;
  IPv4Forwarding: boolean;
  /** Gone since 1.50. */
  BridgeNfIptables?: boolean;
  BridgeNfIp6tables?: boolean;
  Debug: boolean;
  NFd: number;
  NGoroutines: number;
  SystemTime: string;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion?: string;
  NEventsListener: number;
  KernelVersion: string;
  OperatingSystem: string;
  OSVersion?: string;
  OSType: string;
  Architecture: string;
  IndexServerAddress: string;
  RegistryConfig: {
    InsecureRegistryCIDRs: string[] | null;
    IndexConfigs?: Record<string, { Name: string; Mirrors: string[]; Secure: boolean; Official: boolean }>;
    Mirrors: string[] | null;
  } | null;
  NCPU: number;
  MemTotal: number;
  DockerRootDir: string;
  HttpProxy?: string;
  HttpsProxy?: string;
  NoProxy?: string;
  Labels: string[] | null;
  ExperimentalBuild: boolean;
  ServerVersion: string;
  Runtimes: Record<string, object> | null;
  DefaultRuntime: string;
  Swarm: {
    NodeID?: string;
    NodeAddr?: string;
    LocalNodeState: string;
    ControlAvailable?: boolean;
    Error?: string;
    RemoteManagers?: null;
    Managers?: number;
    Nodes?: number;
  };
  LiveRestoreEnabled: boolean;
  Isolation?: string;
  InitBinary?: string;
  ContainerdCommit?: { ID: string };
  RuncCommit?: { ID: string };
  InitCommit?: { ID: string };
  SecurityOptions: string[] | null;
  ProductLicense?: string;
  DefaultAddressPools?: { Base: string; Size: number }[] | null;
  FirewallBackend?: { Driver: string; Info?: [string, string][] };
  CDISpecDirs?: string[] | null;
  DiscoveredDevices?: { Source: string; ID: string }[];
  Warnings: string[] | null;
}

export interface EventMessage {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope?: string;
  /** Unix seconds. */
  time: number;
  timeNano: number;
  status?: string;
  id?: string;
  from?: string;
}

export interface BuildCacheRecord {
  ID: string;
  Parents?: string[] | null;
  Type: string;
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

export interface DiskUsageResponse {
  LayersSize: number;
  Images: ImageSummary[] | null;
  Containers: ContainerSummary[] | null;
  Volumes: Volume[] | null;
  BuildCache: BuildCacheRecord[] | null;
}

/** Times in nanoseconds. */
export interface CpuStats {
  cpu_usage: {
    total_usage: number;
    percpu_usage?: number[] | null;
    usage_in_kernelmode: number;
    usage_in_usermode: number;
  };
  system_cpu_usage?: number;
  online_cpus?: number;
  throttling_data: { periods: number; throttled_periods: number; throttled_time: number };
}

interface BlockStat {
  major: number;
  minor: number;
  op: string;
  value: number;
}

interface InterfaceStats {
  rx_bytes: number;
  rx_packets: number;
  rx_errors: number;
  rx_dropped: number;
  tx_bytes: number;
  tx_packets: number;
  tx_errors: number;
  tx_dropped: number;
}

export interface StatsResponse {
  name?: string;
  id?: string;
  read: string;
  preread: string;
  pids_stats: { current?: number; limit?: number };
  /** Those after the first two are counted by cgroup v1's old schedulers alone. */
  blkio_stats: {
    io_service_bytes_recursive?: BlockStat[] | null;
    io_serviced_recursive?: BlockStat[] | null;
    io_queue_recursive?: BlockStat[] | null;
    io_service_time_recursive?: BlockStat[] | null;
    io_wait_time_recursive?: BlockStat[] | null;
    io_merged_recursive?: BlockStat[] | null;
    io_time_recursive?: BlockStat[] | null;
    sectors_recursive?: BlockStat[] | null;
  };
  num_procs: number;
  storage_stats: Record<never, never>;
  cpu_stats: CpuStats;
  precpu_stats: CpuStats;
  memory_stats: { usage?: number; max_usage?: number; stats?: Record<string, number>; limit?: number };
  networks?: Record<string, InterfaceStats>;
}

/** The header X-Docker-Container-Path-Stat, base64 of this. */
export interface PathStat {
  name: string;
  size: number;
  /** Go's os.FileMode: type bits high, permissions low. */
  mode: number;
  mtime: string;
  linkTarget: string;
}

export interface WaitResponse {
  StatusCode: number;
  Error?: { Message: string } | null;
}

export interface PruneResponse {
  SpaceReclaimed?: number;
  ContainersDeleted?: string[] | null;
  ImagesDeleted?: { Untagged?: string; Deleted?: string }[] | null;
  VolumesDeleted?: string[] | null;
  NetworksDeleted?: string[] | null;
  CachesDeleted?: string[] | null;
}

/** Ours: `GET /berth/system/check` and `POST /berth/system/repair` answer a list of these. */
export interface CheckFinding {
  Subject: string;
  Problem: string;
  /** "manual" is a person's to make right; "possible" could be repaired; the others say how a repair went. */
  Repair: "manual" | "possible" | "done" | "failed";
  /** Why a repair failed. */
  Reason?: string;
}

/** Answer of `POST /berth/system/stop`: the daemon that is about to end. */
export interface EngineProcess {
  Pid: number;
}
