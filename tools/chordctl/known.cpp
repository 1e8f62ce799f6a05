// SPDX-License-Identifier: MIT
#include "known.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "ring/writer.hpp"

namespace coord::chordctl {

bool Known::has(NodeId host) const {
  return std::ranges::find(view.hosts, host, &service::RingHost::host) != view.hosts.end();
}

bool Known::is_member() const {
  return has(here.host);
}

bool Known::is_coming() const {
  const auto own = std::ranges::find(view.hosts, here.host, &service::RingHost::host);
  const auto is_own_membership = [&](const service::RingHost& host) {
    return host.host == here.host && host.joined == own->joined;
  };
  return own != view.hosts.end() && !view.before.empty() &&
         std::ranges::none_of(view.before, is_own_membership);
}

bool Known::has_zones() const {
  return std::ranges::any_of(view.hosts, [](const service::RingHost& host) { return !host.zone.empty(); });
}

void add_zone(cli::JsonObject& line, const ring::Host& host) {
  host.zone.empty() ? line.null("zone") : line.text("zone", host.zone);
}

std::string Known::name(NodeId host) const {
  const auto found = here.names.find(host);
  return found == here.names.end() ? std::to_string(host.value) : found->second;
}

std::string Known::writer(const ring::Dot& dot) const {
  if (is_own() && dot.host == here.host) return name(here.host);
  for (const service::RingHost& host : placement().all()) {
    if (ring::is_written_by(dot, host)) return name(host.host);
  }
  // Of one that has left: without the number of its life.
  const bool is_membership = !is_own() && is_member();
  const std::string named =
      text(is_membership ? ring::Dot{NodeId{ring::membership_of(dot).value}, dot.number} : dot);
  return named.substr(named.find('@') + 1);
}

ring::Circle Known::circle() const {
  std::vector<std::string> names;
  for (const service::RingHost& host : view.hosts) names.push_back(cli::shown(name(host.host)));
  ring::Circle circle = ring::circle_of(placement(), view.hosts, names);
  circle.title = fmt::format("ring {}", cli::shown(view.ring));
  return circle;
}

ring::Placement Known::placement() const {
  return ring::Placement(service::Ring{view.number, view.replicas, view.hosts, view.before});
}

WallTime wall_now() {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

Result<Known> look(const Common& common, Client& client, bool stale) {
  auto view = client.view(common.ring, stale);
  if (!view) return view.error();
  auto answer = client.ask(ring::AskStatus{common.ring});
  if (!answer) return answer.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, common.ring);
  auto* here = std::get_if<ring::StatusOf>(&*answer);
  if (here == nullptr) return unexpected_answer();
  return Known{std::move(*view), std::move(*here)};
}

Result<Known> look_at_ring(const Common& common, Client& client, bool stale) {
  auto known = look(common, client, stale);
  if (known && known->is_own()) {
    known->view.replicas = 1;
    known->view.hosts = {{known->here.host, Token{}, usual_places}};
  }
  return known;
}

}  // namespace coord::chordctl
