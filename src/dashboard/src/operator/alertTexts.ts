import { grouped, plural } from '../plural';

export const alertTexts = {
  back: 'All alerts',
  evidence: 'Measured',
  atOnce: 'At the same time',
  timeline: 'Devices',
  timelineText: 'The devices of the incident.',
  map: 'Locations',
  mapText: 'A dot marks a town in which a device was used. Where its position is not known, a ring marks the middle of the country.',
  use: {
    title: 'Use at the same time',
    never: 'No two devices were in use at the same time, as far as usage was reported.',
    beyond: (time: string, limit: string, times: number) =>
      `More than the ${limit === '1' ? 'one allowed device was' : `${limit} allowed devices were`} in use at the same time ` +
      `for ${time}${times > 1 ? `, in ${times} periods` : ''}.`,
    within: (time: string, limit: string, times: number) =>
      `Not more than the ${limit} allowed devices were in use at the same time, as far as usage was reported. ` +
      `Two or more were in use at the same time for ${time}` +
      `${times > 1 ? `, in ${times} periods` : ''}.`,
    atLeastTwo: (time: string, times: number) =>
      `Two or more devices were in use at the same time for ${time}${times > 1 ? `, in ${times} periods` : ''}.`,
    cut: (n: string, at: string) => `Only the first ${n} sessions are shown; the last of them began on ${at}.`,
    inUse: 'In use',
    atOnce: 'In use at the same time',
    allowed: 'In use at the same time, allowed',
    tooMany: 'Too many at the same time',
    isRefused: 'Refused',
    refused: (at: string) => `refused on ${at}`,
    period: (from: string, to: string, duration: string) => `${from} to ${to} (${duration}): `,
    longest: (n: number, of: number) => `The ${grouped(n)} longest of ${grouped(of)} periods.`,
  },
  ownTimeline: 'The license’s devices',
  ownTimelineText: 'The devices of the last 30 days.',
  ownTimelineRefused: 'The devices of the last 30 days, and the one that was refused.',
  refused: 'Refused',
  measured: (measured: string, limit: string) => `${measured}, limit ${limit}`,
  people: (n: number, minutes: string) => `${plural(n, 'person', 'people')} for ${minutes} minutes`,
  opened: 'Positions opened',
  closeOnlySince: 'Only closing allowed since',
  others: 'Other alerts of this license',
  noOthers: 'This license has no other alerts.',
  appeal: 'The customer’s appeal',
  raw: 'Recorded evidence',
  device: 'Device',
  location: 'Location',
  from: 'First use',
  to: 'Last use',
  minutes: 'Minutes',
  notes: 'Notes',
  refusedDevice: 'Refused device',
  lastRefused: 'Last of other refused devices',
  refusals: 'Refusals',
  asked: 'Asked',
  fromKnown: 'The answer came from an address that the license was used from before.',
  fromUnknown:
    'The answer does not close the alert: the license was not used from the answer’s address before, or the customer had already ' +
    'confirmed another alert.',
  afterDenial: 'The answer does not close the alert: the customer had also said “it was somebody else”.',
};
