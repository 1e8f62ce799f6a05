#include "ntpprobe/prober.hpp"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <chrono>

namespace coord::ntpprobe {
namespace {

// Servers are asked one after the other this far apart: replies that arrive together wait for each other in
// the stack.
constexpr Duration stagger = std::chrono::microseconds(500);

timespec timespec_of(Duration d) {
  const auto ns = std::max<Duration::rep>(d.count(), 0);
  timespec t{};
  t.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  t.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return t;
}

}  // namespace

void sleep_until(Instant until) {
  const timespec left = timespec_of(until - read_clocks().steady);
  ppoll(nullptr, 0, &left, nullptr);
}

Prober::Prober(const std::vector<Endpoint>& endpoints, const Manner& manner)
    : manner_(manner), keeper_(manner.kernel_stamps) {
  for (const Endpoint& endpoint : endpoints) servers_.emplace_back(endpoint, manner_, keeper_);
}

bool Prober::round(unsigned samples, const volatile std::sig_atomic_t* interrupted) {
  Instant first = read_clocks().steady;
  for (ServerProbe& server : servers_) {
    server.begin(samples, first);
    first += stagger;
  }
  std::vector<pollfd> waits;
  std::vector<ServerProbe*> owners;
  while (true) {
    if (interrupted != nullptr && *interrupted != 0) return false;
    const Instant now = read_clocks().steady;
    Instant wake = Instant::max();
    waits.clear();
    owners.clear();
    for (ServerProbe& server : servers_) {
      if (!server.finished() && server.wake_at() <= now) server.on_time(now);
      if (!server.finished()) wake = std::min(wake, server.wake_at());
      if (server.fd() < 0) continue;
      waits.push_back({server.fd(), POLLIN, 0});
      owners.push_back(&server);
    }
    if (wake == Instant::max()) return true;
    const timespec left = timespec_of(wake - read_clocks().steady);
    if (ppoll(waits.data(), waits.size(), &left, nullptr) <= 0) continue;
    for (std::size_t i = 0; i < waits.size(); ++i)
      if (waits[i].revents != 0) owners[i]->on_ready();
  }
}

}  // namespace coord::ntpprobe
