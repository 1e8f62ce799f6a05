// Measures all servers side by side: one poll loop, one thread.
#pragma once

#include <csignal>
#include <vector>

#include "ntpprobe/server_probe.hpp"

namespace coord::ntpprobe {

class Prober {
 public:
  Prober(const std::vector<Endpoint>& endpoints, const Manner& manner);
  Prober(const Prober&) = delete;  // the servers share the keeper
  Prober& operator=(const Prober&) = delete;

  // `samples` exchanges with every server. Returns when each has had its answers or its time-outs; false if
  // *interrupted became non-zero before (the signal's handler interrupts the wait).
  bool round(unsigned samples, const volatile std::sig_atomic_t* interrupted = nullptr);

  const std::vector<ServerProbe>& servers() const { return servers_; }
  const Manner& manner() const { return manner_; }

 private:
  Manner manner_;
  StampKeeper keeper_;
  std::vector<ServerProbe> servers_;
};

// Sleeps until then, or until a signal's handler has run.
void sleep_until(Instant until);

}  // namespace coord::ntpprobe
