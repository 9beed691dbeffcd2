export type Device = {
  device_id: string | null;
  name: string | null;
  ea_instance_id: string;
  mt5_account_number: number;
  ip_address: string | null;
  country_code: string | null;
  city: string | null;
  first_seen: string | null;
  last_seen: string;
  in_use: boolean;
  usage_count: number;
  /** An operator admitted it beyond the limit. */
  has_extra_slot: boolean;
  /** Whether another device can get a slot when this one is removed. */
  frees_slot: boolean;
  networks: { network: string; country_code: string | null; city: string | null; last_seen: string; usage_count: number }[];
};
export type DeviceList = {
  device_count: number;
  max_devices: number;
  slots_used: number;
  slots_free: number;
  slots_granted: number;
  devices: Device[];
};
