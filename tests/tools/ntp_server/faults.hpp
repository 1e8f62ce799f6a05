// SPDX-License-Identifier: MIT
// What the test server can do wrong, by name.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "clock/ntp_packet.hpp"

namespace coord::ntp_server {

// What becomes of a reply besides its fields.
enum class Delivery {
  normal,
  nowhere,          // not sent
  twice,            // the same octets two times
  after_forgeries,  // after three replies to requests that were never made
  after_the_last,   // after the octets of the reply before
  from_other_port,  // from a socket of its own
};

struct Reply {
  ntp::Packet packet;
  Delivery delivery = Delivery::normal;
  bool sign = true;        // where the server has a key
  bool spoil_mac = false;  // one bit of it
  bool other_key = false;  // names another key
  std::size_t cut_to = 0;  // not 0: so many octets are left
  Bytes tail;              // behind everything
};

struct Fault {
  const char* name;
  void (*apply)(Reply&);
};

const std::vector<Fault>& faults();
const Fault* find_fault(const std::string& name);

}  // namespace coord::ntp_server
