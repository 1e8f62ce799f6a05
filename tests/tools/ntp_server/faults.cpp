// SPDX-License-Identifier: MIT
#include "faults.hpp"

#include <chrono>

namespace coord::ntp_server {
namespace {

using namespace std::chrono_literals;

void kiss(Reply& r, std::uint32_t code) {
  r.packet.leap = ntp::Leap::unsynchronized;
  r.packet.stratum = 0;
  r.packet.reference_id = code;
}

Bytes extension(std::size_t size, std::uint8_t stated) {
  Bytes field(size, 0);
  field[3] = stated;
  return field;
}

}  // namespace

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all{
      // delivery
      {"drop", [](Reply& r) { r.delivery = Delivery::nowhere; }},
      {"duplicate", [](Reply& r) { r.delivery = Delivery::twice; }},
      {"forgeries", [](Reply& r) { r.delivery = Delivery::after_forgeries; }},
      {"replay", [](Reply& r) { r.delivery = Delivery::after_the_last; }},
      {"other-port", [](Reply& r) { r.delivery = Delivery::from_other_port; }},
      // form
      {"empty", [](Reply& r) { r.cut_to = 1; }},
      {"short", [](Reply& r) { r.cut_to = 47; }},
      {"odd-length", [](Reply& r) { r.tail.resize(3); }},
      {"huge", [](Reply& r) { r.tail.resize(9000); }},
      {"bad-extension", [](Reply& r) { r.tail = extension(28, 200); }},
      {"extension", [](Reply& r) { r.tail = extension(32, 32); }},  // no fault: RFC 7822 allows it
      {"old-version", [](Reply& r) { r.packet.version = 3; }},
      {"client-mode", [](Reply& r) { r.packet.mode = 3; }},
      {"broadcast-mode", [](Reply& r) { r.packet.mode = 5; }},
      {"control-mode", [](Reply& r) { r.packet.mode = 6; }},
      // origin
      {"zero-origin", [](Reply& r) { r.packet.origin = {}; }},
      {"wrong-origin", [](Reply& r) { r.packet.origin.bits ^= 1; }},
      // kiss codes
      {"kiss-rate", [](Reply& r) { kiss(r, 0x52415445); }},
      {"kiss-deny", [](Reply& r) { kiss(r, 0x44454e59); }},
      {"kiss-rstr", [](Reply& r) { kiss(r, 0x52535452); }},
      {"kiss-unknown", [](Reply& r) { kiss(r, 0x58595a31); }},
      {"kiss-forged", [](Reply& r) { kiss(r, 0x44454e59), r.packet.origin.bits ^= 1; }},
      // content
      {"zero-transmit", [](Reply& r) { r.packet.transmit = {}; }},
      {"zero-receive", [](Reply& r) { r.packet.receive = {}; }},
      {"transmit-before-receive", [](Reply& r) { r.packet.transmit = r.packet.receive + -1ms; }},
      {"unsynchronized", [](Reply& r) { r.packet.leap = ntp::Leap::unsynchronized; }},
      {"stratum-0", [](Reply& r) { r.packet.stratum = 0, r.packet.reference_id = 0; }},
      {"stratum-16", [](Reply& r) { r.packet.stratum = 16; }},
      {"root-distance", [](Reply& r) { r.packet.root_dispersion = ntp::short_of(17s); }},
      {"future-reference", [](Reply& r) { r.packet.reference = r.packet.transmit + 1h; }},
      {"stale-reference", [](Reply& r) { r.packet.reference = r.packet.transmit + -25h; }},  // no fault
      {"no-reference", [](Reply& r) { r.packet.reference = {}; }},  // no fault: orphan mode
      {"negative-delay", [](Reply& r) { r.packet.transmit = r.packet.transmit + 1s; }},
      // authentication
      {"no-mac", [](Reply& r) { r.sign = false; }},
      {"bad-mac", [](Reply& r) { r.spoil_mac = true; }},
      {"wrong-key", [](Reply& r) { r.other_key = true; }},
      {"crypto-nak", [](Reply& r) { r.sign = false, r.tail.resize(4); }},
  };
  return all;
}

const Fault* find_fault(const std::string& name) {
  for (const Fault& fault : faults())
    if (name == fault.name) return &fault;
  return nullptr;
}

}  // namespace coord::ntp_server
