// SPDX-License-Identifier: MIT
// Measures all servers side by side: one poll loop, one thread. Names are looked up meanwhile (lookups.hpp):
// who has an address is asked at once, and a name server that is silent holds nobody else up.
#pragma once

#include <csignal>
#include <vector>

#include "ntpprobe/lookups.hpp"
#include "ntpprobe/server_probe.hpp"

namespace coord::ntpprobe {

class Prober {
 public:
  // All addresses of all names, each once (under the first name that leads to it). A name without an address
  // is a server with a failure. A lookup may take as long as a reply; one that takes longer goes on beside
  // the next rounds.
  Prober(std::vector<ServerName> names, Family family, const Manner& manner,
         Lookups::LookUp look_up = ntpprobe::look_up);
  // One known address.
  Prober(const Endpoint& endpoint, const Manner& manner);
  Prober(const Prober&) = delete;  // the servers share the keeper
  Prober& operator=(const Prober&) = delete;

  // `samples` exchanges with every server. Returns when each has had its answers or its time-outs; false if
  // *interrupted became non-zero before (the signal's handler interrupts the wait).
  bool round(unsigned samples, const volatile std::sig_atomic_t* interrupted = nullptr);

  const std::vector<ServerProbe>& servers() const { return servers_; }  // in the order of the names
  const Manner& manner() const { return manner_; }

 private:
  void start_lookups(Instant now);
  void admit(const Found& found);
  void admit(const Endpoint& endpoint);
  void give_up_lookups();
  bool awaits_names() const;  // some name has neither an address nor a failure yet
  Instant serve(Instant now);
  void wait(Instant until);

  Manner manner_;
  StampKeeper keeper_;
  std::vector<ServerName> names_;
  Family family_ = Family::any;
  std::vector<bool> shown_;  // by name: it has had an address or a failure
  Lookups lookups_;
  Instant next_lookup_;
  std::vector<ServerProbe> servers_;
  unsigned samples_ = 0;  // of the round
  Instant first_send_;    // of the next server to be asked
};

// All addresses of one name, waiting for them at most `timeout`; without any, one with a failure.
std::vector<Endpoint> resolve(const ServerName& name, Family family, Duration timeout);

// Sleeps until then, or until a signal's handler has run.
void sleep_until(Instant until);

}  // namespace coord::ntpprobe
