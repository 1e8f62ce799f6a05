// SPDX-License-Identifier: MIT
#include "ntpprobe/prober.hpp"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace coord::ntpprobe {
namespace {

// Servers are asked one after the other this far apart: replies that arrive together wait
// for each other in the stack.
constexpr Duration stagger = std::chrono::microseconds(500);
// Names without an address are looked up again no sooner than this.
constexpr Duration lookup_interval = std::chrono::seconds(10);

timespec timespec_of(Duration d) {
  const auto ns = std::max<Duration::rep>(d.count(), 0);
  timespec t{};
  t.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  t.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  return t;
}

bool same_address(const Endpoint& a, const Endpoint& b) {
  return a.size > 0 && a.size == b.size && std::memcmp(&a.socket_address, &b.socket_address, a.size) == 0;
}

}  // namespace

void sleep_until(Instant until) {
  const timespec left = timespec_of(until - read_clocks().steady);
  ppoll(nullptr, 0, &left, nullptr);
}

std::vector<Endpoint> resolve(const ServerName& name, Family family, Duration timeout) {
  if (is_numeric(name.host)) return endpoints_of(name, look_up(name, family_for(name, family)));
  const Instant deadline = read_clocks().steady + timeout;
  Lookups lookups;
  lookups.start({{0, name, family_for(name, family)}});
  while (true) {
    for (const Found& found : lookups.take()) return endpoints_of(name, found);
    const Instant now = read_clocks().steady;
    if (now >= deadline) return {unanswered(name)};
    pollfd wait{lookups.fd(), POLLIN, 0};
    const timespec left = timespec_of(deadline - now);
    ppoll(&wait, 1, &left, nullptr);
  }
}

Prober::Prober(std::vector<ServerName> names, Family family, const Manner& manner, Lookups::LookUp look_up)
    : manner_(manner),
      keeper_(manner.kernel_stamps),
      names_(std::move(names)),
      family_(family),
      shown_(names_.size(), false),
      lookups_(look_up) {
  for (std::size_t place = 0; place < names_.size(); ++place) {
    if (!is_numeric(names_[place].host)) continue;
    Found found = ntpprobe::look_up(names_[place], family_for(names_[place], family_));
    found.place = static_cast<std::uint32_t>(place);
    admit(found);
  }
}

Prober::Prober(const Endpoint& endpoint, const Manner& manner)
    : manner_(manner), keeper_(manner.kernel_stamps) {
  servers_.emplace_back(endpoint, manner_, keeper_);
}

// The names that have no address: in the first round all, later those that had none, once in a while.
void Prober::start_lookups(Instant now) {
  if (lookups_.running() || now < next_lookup_) return;
  std::vector<Lookups::Question> questions;
  for (std::size_t place = 0; place < names_.size(); ++place) {
    const bool failed = std::any_of(servers_.begin(), servers_.end(), [&](const ServerProbe& server) {
      return server.endpoint().place == place && !server.endpoint().failure.empty();
    });
    if ((failed || !shown_[place]) && !is_numeric(names_[place].host))
      questions.push_back(
          {static_cast<std::uint32_t>(place), names_[place], family_for(names_[place], family_)});
  }
  next_lookup_ = now + lookup_interval;
  lookups_.start(std::move(questions));
}

void Prober::admit(const Found& found) {
  std::erase_if(servers_, [&](const ServerProbe& server) {  // the failure that stood in for it
    return server.endpoint().place == found.place && !server.endpoint().failure.empty();
  });
  for (const Endpoint& endpoint : endpoints_of(names_[found.place], found)) admit(endpoint);
  shown_[found.place] = true;
}

// In the order of the names, an address once: under the first of the names that lead to it.
void Prober::admit(const Endpoint& endpoint) {
  const auto by_place = [](const ServerProbe& a, const ServerProbe& b) {
    return a.endpoint().place < b.endpoint().place;
  };
  for (ServerProbe& known : servers_) {
    if (!same_address(known.endpoint(), endpoint)) continue;
    if (known.endpoint().place <= endpoint.place) return;
    known.rename(endpoint.server, endpoint.place);
    std::stable_sort(servers_.begin(), servers_.end(), by_place);
    return;
  }
  ServerProbe server(endpoint, manner_, keeper_);
  if (samples_ > 0) {
    first_send_ = std::max(first_send_ + stagger, read_clocks().steady);
    server.begin(samples_, first_send_);
  }
  const auto after = std::upper_bound(servers_.begin(), servers_.end(), server, by_place);
  servers_.insert(after, std::move(server));
}

bool Prober::awaits_names() const {
  return lookups_.running() && std::find(shown_.begin(), shown_.end(), false) != shown_.end();
}

void Prober::give_up_lookups() {
  for (std::size_t place = 0; place < names_.size(); ++place) {
    if (shown_[place]) continue;
    Endpoint endpoint = unanswered(names_[place]);
    endpoint.place = place;
    admit(endpoint);
    shown_[place] = true;
  }
}

// Does what is due with each server; when it is to be called again.
Instant Prober::serve(Instant now) {
  Instant wake = Instant::max();
  for (ServerProbe& server : servers_) {
    if (!server.finished() && server.wake_at() <= now) server.on_time(now);
    if (!server.finished()) wake = std::min(wake, server.wake_at());
  }
  return wake;
}

void Prober::wait(Instant until) {
  std::vector<pollfd> waits{{lookups_.fd(), POLLIN, 0}};  // -1 is passed over
  std::vector<ServerProbe*> owners{nullptr};
  for (ServerProbe& server : servers_) {
    if (server.fd() < 0) continue;
    waits.push_back({server.fd(), POLLIN, 0});
    owners.push_back(&server);
  }
  const timespec left = timespec_of(until - read_clocks().steady);
  if (ppoll(waits.data(), waits.size(), &left, nullptr) <= 0) return;
  for (std::size_t i = 1; i < waits.size(); ++i)
    if (waits[i].revents != 0) owners[i]->on_ready();
}

bool Prober::round(unsigned samples, const volatile std::sig_atomic_t* interrupted) {
  const Instant begun = read_clocks().steady;
  const Instant lookup_deadline = begun + manner_.timeout;
  samples_ = samples;
  first_send_ = begun;
  for (ServerProbe& server : servers_) {
    server.begin(samples, first_send_);
    first_send_ += stagger;
  }
  start_lookups(begun);
  while (true) {
    if (interrupted != nullptr && *interrupted != 0) return false;
    for (const Found& found : lookups_.take()) admit(found);
    const Instant now = read_clocks().steady;
    if (awaits_names() && now >= lookup_deadline) give_up_lookups();
    Instant wake = serve(now);
    if (awaits_names()) wake = std::min(wake, lookup_deadline);
    if (wake == Instant::max()) return true;
    wait(wake);
  }
}

}  // namespace coord::ntpprobe
