import { describe, expect, it } from 'vitest'
import { createAddressFilter } from './addresses.ts'

const byDefault = createAddressFilter([])

describe('without settings', () => {
  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '198.17.0.1',
    '192.0.1.1',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001::200e',
    '2001:200::1',
    '2620:4f:8000::1',
  ])('%s may be connected to', address => {
    expect(byDefault(address)).toBe(true)
  })

  it.each([
    // unspecified, loopback, private, shared
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.255', '10.0.0.1', '172.16.0.1', '172.31.255.255'],
    ...['192.168.1.1', '100.64.0.1', '100.127.255.255', '::', '::1', 'fc00::1', 'fd12:3456::1', 'fec0::1'],
    // link-local, also with a zone
    ...['169.254.1.1', 'fe80::1', 'fe80::1%eth0', 'fe80::1%1'],
    // metadata of clouds
    ...['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', 'fd20:ce::254', '100.100.100.200', '192.0.0.192'],
    ...['168.63.129.16', '169.254.42.42'],
    // multicast, broadcast, reserved
    ...['224.0.0.1', '239.255.255.250', '255.255.255.255', '240.0.0.1', 'ff02::1', 'ff0e::1'],
    // documentation, benchmarks, IETF protocols, discard
    ...['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '198.19.255.255', '192.0.0.8', '192.88.99.1'],
    ...['2001:db8::1', '3fff::1', '2001:2::1', '2001:20::1', '100::1', '5f00::1'],
    // IPv4 inside of IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP; of public addresses as well
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '::127.0.0.1', '::8.8.8.8', '::ffff:0:127.0.0.1'],
    ...['64:ff9b::169.254.169.254', '64:ff9b::808:808', '64:ff9b:1::1', '2002:7f00:1::', '2002:808:808::1'],
    ...['2001:0:53aa:64c::1', 'fe80::5efe:127.0.0.1'],
    // no addresses
    ...['', 'localhost', '127.1', '0x7f.1', '2130706433', '8.8.8.8 ', '[::1]', '8.8.8.8%1', '2606:4700::1%1'],
  ])('"%s" may not', address => {
    expect(byDefault(address)).toBe(false)
  })
})

describe('with networks', () => {
  const filter = createAddressFilter(['127.0.0.0/8', '10.1.2.3', 'fd00::/16', '::1'])

  it.each(['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '10.1.2.3', 'fd00::7', '::1', '8.8.8.8'])(
    '%s may be connected to',
    address => {
      expect(filter(address)).toBe(true)
    },
  )

  it.each(['10.1.2.4', '169.254.169.254', 'fd01::1', '::2', '::ffff:10.1.2.4', '::ffff:8.8.8.8', '128.0.0.1%1'])(
    '%s may not',
    address => {
      expect(filter(address)).toBe(false)
    },
  )
})
