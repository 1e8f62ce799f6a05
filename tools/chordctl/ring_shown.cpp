// SPDX-License-Identifier: MIT
// chordctl ring: the hosts of a ring and their shares, as a picture and as JSON, and what is wrong with it.
#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "base/counted.hpp"
#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/live.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "membership.hpp"
#include "protocol/chord/ring_check.hpp"
#include "ring/routing.hpp"

namespace coord::chordctl {
namespace {

// The next hosts on the circle, as many as there are copies. Not whose zones they are: that is for copies.
void add_successors(cli::JsonArray& successors, const Known& known, const ring::Placement& placement,
                    std::size_t place) {
  const auto& places = placement.places();
  ring::Hosts named;
  for (std::size_t i = 1; i <= places.size() && named.size() < placement.replicas(); ++i) {
    const ring::Host& host = places[(place + i) % places.size()].host;
    if (std::ranges::find(named, host) != named.end()) continue;
    named.push_back(host);
    successors.text(known.name(host.host));
  }
}

constexpr std::size_t circle_rows = 15;

// Beside the circle, from its middle on; below it where the terminal is too narrow for both.
void print_circle(const Known& known, const ring::Circle& circle) {
  std::vector<std::string> lines = circle_text(circle, circle_rows);
  std::vector<cli::Table::Column> columns_of{
      {""}, {"HOST"}, {"PLACES", cli::Table::Align::right}, {"SHARE", cli::Table::Align::right}};
  if (known.has_zones()) columns_of.push_back({"ZONE"});
  cli::Table table(columns_of);
  for (std::size_t i = 0; i < circle.hosts.size(); ++i) {
    const ring::Circle::Host& host = circle.hosts[i];
    std::vector<std::string> row{std::string(1, ring::letter_of(i)), host.name, std::to_string(host.places),
                                 percent(host.share)};
    if (known.has_zones()) row.push_back(known.view.hosts[i].zone);
    table.row(row);
  }
  constexpr std::size_t beside = 2 * circle_rows + 4, narrowest_legend = 30;
  const std::size_t columns = cli::terminal_width(STDOUT_FILENO);
  const bool fits = columns > beside + narrowest_legend;
  const std::string text = table.text(fits ? columns - beside : columns);
  std::vector<std::string> legend;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    legend.push_back(text.substr(at, text.find('\n', at) - at));
  const std::size_t top = fits && legend.size() < lines.size() ? (lines.size() - legend.size()) / 2 : 0;
  for (std::size_t i = 0; fits && i < legend.size(); ++i) {
    if (top + i >= lines.size()) lines.emplace_back();
    lines[top + i].resize(beside, ' ');
    lines[top + i] += legend[i];
  }
  if (!fits) lines.insert(lines.end(), legend.begin(), legend.end());
  cli::print("\n");
  for (std::string& line : lines)
    cli::print(fmt::format("  {}\n", line.substr(0, line.find_last_not_of(' ') + 1)));
}

// What each host knows of its neighbours on the circle must fit together: one ring, in order.
Result<std::vector<std::string>> objections(const MembershipSettings& s, Client& client, const Known& known) {
  std::vector<std::string> wrong;
  std::map<std::uint64_t, std::string> asked;
  for (const service::RingHost& host : known.view.hosts) {
    const auto number = client.send(ring::AskFingers{s.common.ring, host.host});
    if (!number) return number.error();
    asked.emplace(*number, cli::shown(known.name(host.host)));
  }
  std::vector<chord::MemberState> members;
  while (!asked.empty()) {
    auto answered = client.receive();
    if (!answered) return answered.error();
    const auto host = asked.find(answered->request);
    if (host == asked.end()) continue;
    if (auto* fingers = std::get_if<ring::FingersOf>(&answered->answer)) {
      for (ring::PlaceKnown& place : fingers->places) members.push_back({place.place, std::move(place.view)});
    } else {
      wrong.push_back(fmt::format("{} does not report its view of the ring", host->second));
    }
    asked.erase(host);
  }
  if (!wrong.empty()) return wrong;
  if (auto objection = chord::objection_to_ideal(members, ring::hosts_in_list(known.placement())))
    wrong.push_back(fmt::format("its hosts are not one ring: {}", *objection));
  return wrong;
}

// Hosts that stand in another zone than the one by which copies are placed.
Result<std::vector<std::string>> hosts_elsewhere(Client& client, const Known& known) {
  auto peers = client.peers();
  if (!peers) return peers.error();
  std::vector<std::string> elsewhere;
  for (const service::RingHost& host : known.view.hosts) {
    const auto peer = std::ranges::find(*peers, known.name(host.host), &local::PeerRecord::name);
    const bool is_told = peer != peers->end() && (peer->local || !peer->zone.empty());
    if (!is_told || peer->zone == host.zone) continue;
    elsewhere.push_back(fmt::format("{} stands in zone {}, and is placed as in {}: `chordctl join` there",
                                    cli::shown(peer->name), peer->zone.empty() ? "-" : cli::shown(peer->zone),
                                    host.zone.empty() ? "-" : cli::shown(host.zone)));
  }
  return elsewhere;
}

}  // namespace

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * share);
  return text;
}

void print_places(const Known& known, const Addresses& addresses, WallTime as_of) {
  const ring::Placement placement = known.placement();
  const auto& places = placement.places();
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& before = places[(i + places.size() - 1) % places.size()];
    cli::JsonArray successors;
    add_successors(successors, known, placement, i);
    cli::JsonObject line;
    line.text("ring", known.view.ring)
        .text("id", chord::text(places[i].id))
        .text("host", known.name(places[i].host.host))
        .text("address", addresses.of(known.name(places[i].host.host)))
        .text("predecessor", chord::text(before.id))
        .array("successors", successors)
        .number("share", chord::share_of_ring(before.id, places[i].id))
        .time("as_of", as_of);
    add_zone(line, places[i].host);
    cli::print(line.line());
  }
}

void print_ring(const MembershipSettings& s, const Known& known) {
  const std::size_t copies = std::min<std::size_t>(known.view.replicas, known.view.hosts.size());
  const std::size_t hosts = known.view.hosts.size();
  cli::print(fmt::format("ring {}: {}, {} of each key{}\n", s.shown_ring(), counted(hosts, "host"),
                         counted(copies, "copy", "copies"),
                         known.is_own()               ? "; this host's own, until one joins"
                         : !known.view.before.empty() ? "; a host comes or goes"
                         : hosts <= copies            ? "; with so few hosts, each keeps all"
                                                      : ""));
  const ring::Circle circle = known.circle();
  if (cli::is_terminal(STDOUT_FILENO)) return print_circle(known, circle);
  cli::print(known.has_zones() ? "HOST\tPLACES\tSHARE\tBAR\tZONE\n" : "HOST\tPLACES\tSHARE\tBAR\n");
  for (std::size_t i = 0; i < circle.hosts.size(); ++i) {
    const ring::Circle::Host& host = circle.hosts[i];
    std::string bar;
    for (double at = 0; at < host.share; at += 0.025) bar += '#';
    const std::string zone =
        known.has_zones() ? fmt::format("\t{}", cli::shown(known.view.hosts[i].zone)) : "";
    cli::print(fmt::format("{}\t{}\t{}\t{}{}\n", host.name, counted(host.places, "place"),
                           percent(host.share), bar, zone));
  }
}

Status write_picture(const MembershipSettings& s, const Known& known) {
  const std::string picture = circle_svg(known.circle());
  if (s.svg == "-") {
    cli::print(picture);
    return done();
  }
  const auto file = cli::open_output_file(s.svg, cli::shown(s.svg));
  return file ? cli::write_output_file(*file, picture, cli::shown(s.svg)) : Status(file.error());
}

// What is wrong with it, as far as its hosts answer.
Result<cli::Exit> check(const MembershipSettings& s, Client& client, const Known& known) {
  std::vector<std::string> wrong;
  if (!known.view.before.empty()) wrong.emplace_back("a host comes or goes, and that is not over");
  if (known.here.number != known.view.number) wrong.emplace_back("this host is not in it, or is behind");
  if (known.here.is_closed) {
    wrong.emplace_back(
        "this host was about to leave: `chordctl leave` does so, `chordctl join` takes it back");
  } else if (!known.here.is_complete) {
    wrong.emplace_back("this host has not all that it is to keep");
  }
  if (known.is_member()) {
    auto answer = client.ask(ring::List{s.common.ring, "", ""});
    if (!answer) return answer.error();
    const auto* page = std::get_if<ring::Page>(&*answer);
    if (page == nullptr) return unexpected_answer();
    for (const std::string& hosts : page->unreachable)
      wrong.push_back(fmt::format("too few of {} answer for keys that they keep", hosts));
  }
  if (!known.is_own()) {
    auto moved = hosts_elsewhere(client, known);
    if (!moved) return moved.error();
    wrong.insert(wrong.end(), moved->begin(), moved->end());
  }
  if (known.is_member() && !known.is_own()) {  // of a ring of its own there is nobody to ask
    auto objected = objections(s, client, known);
    if (!objected) return objected.error();
    wrong.insert(wrong.end(), objected->begin(), objected->end());
  }
  for (const std::string& each : wrong) cli::notice("chordctl", fmt::format("{}: {}", s.shown_ring(), each));
  if (wrong.empty()) cli::say_none("chordctl", fmt::format("{}: nothing is wrong", s.shown_ring()), false);
  return wrong.empty() ? cli::Exit::done : cli::Exit::failed;
}

}  // namespace coord::chordctl
