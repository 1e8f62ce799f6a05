// SPDX-License-Identifier: MIT
// chordctl join, leave, ring: which hosts a ring has.
#include "membership.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "base/counted.hpp"
#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/live.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "known.hpp"
#include "protocol/chord/ring_check.hpp"
#include "ring/routing.hpp"
#include "verbs.hpp"

namespace coord::chordctl {
namespace {

service::JoinRing join_order(const MembershipSettings& s, const Known& known, std::uint64_t places,
                             std::uint64_t replicas) {
  return {s.common.ring,
          known.here.host,
          static_cast<std::uint32_t>(places),
          static_cast<std::uint32_t>(replicas),
          0,
          {}};
}

// A host that is in already, and is told other places, or stands in another zone by now.
Result<cli::Exit> move_place(const MembershipSettings& s, Client& client) {
  auto known = look(s.common, client);
  if (!known) return known.error();
  auto peers = client.peers();
  if (!peers) return peers.error();
  const auto own = std::ranges::find(known->view.hosts, known->here.host, &service::RingHost::host);
  const auto self = std::ranges::find_if(*peers, &local::PeerRecord::local);
  if (own == known->view.hosts.end() || self == peers->end()) return cli::Exit::done;
  if (self->zone == own->zone && s.places.value_or(own->places) == own->places) return cli::Exit::done;
  auto ordered = order_in_turn(s, client, *known, join_order(s, *known, s.places.value_or(0), 0));
  if (!ordered) return ordered.error();
  if (!ordered->done) return refused_change(s, *ordered);
  return settle(s, client, known->here.host, ordered->number);
}

// This host is in, and what it kept is not on its disk. Why it cannot come again; empty: it can.
std::string why_not_again(const Known& known, const service::RingHost& own) {
  const service::RingView& view = known.view;
  if (view.before.empty() && view.hosts.size() == 1) {
    // Else its first `join` was interrupted, or nobody can tell that from a disk that was lost.
    return own.joined == view.number ? ""
                                     : "this host lacks the ring's values, and no other host is in it: "
                                       "`chordctl leave --discard` ends the ring, then join";
  }
  // Those who have a key's copies are asked for them: a majority.
  constexpr std::size_t fewest_copies = 3;
  if (std::min<std::size_t>(view.replicas, view.hosts.size()) >= fewest_copies) return {};
  return fmt::format(
      "this host's disk is another one, and without it some keys have no majority of copies: `chordctl ring "
      "--adopt {}` at another host, then join here",
      cli::shown(known.name(own.host)));
}

// Once this host's peer has heard of the ring that the group has agreed on: then it says whether its disk has
// what it is to keep. It may just have been started.
Result<Known> look_when_heard(const MembershipSettings& s, Client& client) {
  for (;;) {
    auto known = look(s.common, client);
    if (!known || !known->is_member() || known->here.number >= known->view.number) return known;
    if (!client.pause(looks_again_every)) return known;
  }
}

Result<cli::Exit> join(const MembershipSettings& s) {
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  auto known = look_when_heard(s, *client);
  if (!known) return known.error();
  Token number = known->view.number;
  const bool is_lost = known->here.number == number && !known->here.is_complete;
  const auto own = std::ranges::find(known->view.hosts, known->here.host, &service::RingHost::host);
  const bool is_member = own != known->view.hosts.end();
  if (is_member && is_lost && !known->is_coming()) {
    if (const std::string why = why_not_again(*known, *own); !why.empty())
      return refused_change(s, {false, why, {}});
  }
  if (!is_member || (is_lost && !known->is_coming() && known->view.hosts.size() > 1)) {
    if (!is_member && known->here.keys > 0) {
      cli::notice("chordctl",
                  fmt::format("{}: {} of this host's own {} set aside until it leaves", s.shown_ring(),
                              counted(known->here.keys, "key"), known->here.keys == 1 ? "is" : "are"));
    }
    // On another disk it stands where it stood.
    const std::uint64_t places = s.places.value_or(is_member ? own->places : usual_places);
    const auto order = join_order(s, *known, places, s.replicas);
    auto ordered = order_in_turn(s, *client, *known, order);
    if (!ordered) return ordered.error();
    if (!ordered->done) return refused_change(s, *ordered);
    number = ordered->number;
  }
  auto settled = settle(s, *client, known->here.host, number);
  if (!settled || *settled != cli::Exit::done || !is_member) return settled;
  if (is_lost && known->view.hosts.size() == 1)
    cli::notice("chordctl", fmt::format("{}: nothing of the ring is on this host's disk: it begins empty",
                                        s.shown_ring()));
  return move_place(s, *client);
}

Result<cli::Exit> leave(const MembershipSettings& s) {
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  auto known = look(s.common, *client);
  if (!known) return known.error();
  Token number = known->view.number;
  const bool was_here = known->is_member();
  const bool is_leaving = std::ranges::find(known->view.before, known->here.host, &service::RingHost::host) !=
                          known->view.before.end();
  if (was_here) {
    const bool is_alone = known->view.hosts.size() == 1 && known->view.before.empty();
    const bool discard = s.discard || (is_alone && known->here.keys == 0 && known->here.is_complete);
    const service::LeaveRing order{s.common.ring, known->here.host, discard, 0, {}};
    auto ordered = order_in_turn(s, *client, *known, order);
    if (!ordered) return ordered.error();
    if (!ordered->done) return refused_change(s, *ordered);
    number = ordered->number;
  }
  if (was_here || is_leaving) {
    auto settled = settle(s, *client, known->here.host, number);
    if (!settled || *settled != cli::Exit::done) return settled;
  }
  auto forgotten = client->ask(ring::Forget{s.common.ring});
  if (!forgotten) return forgotten.error();
  if (was_here || is_leaving) return cli::Exit::done;
  cli::notice("chordctl", fmt::format("{}: this host is not in the ring", s.shown_ring()));
  return cli::Exit::no;
}

// ---- what is shown

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * share);
  return text;
}

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

// What is wrong with it, as far as its hosts answer.
Result<cli::Exit> check(const MembershipSettings& s, Client& client, const Known& known) {
  std::vector<std::string> wrong;
  if (!known.view.before.empty()) wrong.emplace_back("a host comes or goes, and that is not over");
  if (known.here.number != known.view.number) wrong.emplace_back("this host is not in it, or is behind");
  if (!known.here.is_complete) wrong.emplace_back("this host has not all that it is to keep");
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

// ---- a ring whose majority is lost for good

// Without those that are out of it already, as when the same command is given again.
Result<std::vector<NodeId>> lost_hosts(const MembershipSettings& s, const Known& known) {
  std::vector<NodeId> lost;
  for (const std::string& name : s.lost) {
    const auto is_named = [&](const ring::Host& host) { return known.name(host.host) == name; };
    const auto is_called_so = [&](const auto& each) { return each.second == name; };
    const ring::Hosts all = known.placement().all();
    const auto found = std::ranges::find_if(all, is_named);
    if (found == all.end() && std::ranges::any_of(known.here.names, is_called_so)) {
      cli::notice("chordctl", fmt::format("{}: {} is not in the ring", s.shown_ring(), cli::shown(name)));
      continue;
    }
    if (found == all.end())
      return Error{ErrorKind::usage, cli::shown(name), "is not in the ring", "name hosts of `chordctl ring`"};
    if (found->host == known.here.host)
      return Error{ErrorKind::usage, cli::shown(name), "is this host", "name hosts that are lost"};
    lost.push_back(found->host);
  }
  return lost;
}

// Before it is done: afterwards nobody can tell.
void say_what_may_be_lost(const MembershipSettings& s, const Known& known, const std::vector<NodeId>& lost) {
  const auto& hosts = known.view.before.empty() ? known.view.hosts : known.view.before;
  const ring::Placement before(service::Ring{known.view.number, known.view.replicas, hosts, {}});
  const auto& places = before.places();
  double old = 0, gone = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& previous = places[(i + places.size() - 1) % places.size()];
    const ring::Hosts set = before.of(places[i].id).now;
    const auto is_left = [&](const ring::Host& host) {
      return std::ranges::find(lost, host.host) == lost.end();
    };
    const auto left = static_cast<std::size_t>(std::ranges::count_if(set, is_left));
    const double share = chord::share_of_ring(previous.id, places[i].id);
    if (left == 0) gone += share;
    if (left > 0 && left < set.size() / 2 + 1) old += share;
  }
  const auto say = [&](const std::string& what) {
    cli::notice("chordctl", fmt::format("{}: {}", s.shown_ring(), what));
  };
  if (gone > 0) say(fmt::format("{} of the keys have no copy left: their values are lost", percent(gone)));
  if (old > 0)
    say(fmt::format("of {} of the keys less than a majority is left: their last writes may be lost",
                    percent(old)));
  if (gone == 0 && old == 0)
    say("a majority of each key's copies is left: nothing that was acknowledged is lost");
}

// One after the other they are out of the ring, and each time who is to have their keys
// reads all that is left.
Result<cli::Exit> adopt(const MembershipSettings& s) {
  if (s.lost.empty()) return Error{ErrorKind::usage, "HOST", "is missing", "name the hosts that are lost"};
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  auto known = look(s.common, *client);
  if (!known) return known.error();
  if (!known->is_member()) return refused_change(s, {false, "this host is not in the ring", {}});
  const auto lost = lost_hosts(s, *known);
  if (!lost) return lost.error();
  if (lost->empty()) return cli::Exit::done;
  // Hosts that live are refused before anything is changed.
  auto living = client->ask(ring::AwaitHandOver{s.common.ring, Token{}, *lost});
  if (!living) return living.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*living)) return refused_by_part(s, *refusal);
  say_what_may_be_lost(s, *known, *lost);
  // A change that they have interrupted is ended first.
  if (!known->view.before.empty()) {
    auto settled = settle(s, *client, known->here.host, known->view.number, *lost);
    if (!settled || *settled != cli::Exit::done) return settled;
  }
  for (auto next = lost->begin(); next != lost->end(); ++next) {
    // The change that was interrupted was its own.
    if (!known->has(*next)) continue;
    auto ordered = client->order(service::LeaveRing{s.common.ring, *next, false, 0, {}});
    if (!ordered) return ordered.error();
    if (!ordered->done) return refused_change(s, *ordered);
    // One that is out, and runs on an empty disk, would answer as any host without a part in the ring.
    if (auto settled =
            settle(s, *client, known->here.host, ordered->number, std::vector<NodeId>(next, lost->end()));
        !settled || *settled != cli::Exit::done)
      return settled;
  }
  return cli::Exit::done;
}

Result<cli::Exit> show(const MembershipSettings& s) {
  if (s.adopt) return adopt(s);
  if (!s.lost.empty())
    return Error{ErrorKind::usage, cli::shown(s.lost.front()), "is for --adopt only", "leave it out"};
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  const WallTime as_of = wall_now();
  auto known = look_at_ring(s.common, *client);
  if (!known) return known.error();
  if (!s.svg.empty()) {
    if (Status written = write_picture(s, *known); !written) return written.error();
  } else if (s.json) {
    const auto addresses = client->addresses();
    if (!addresses) return addresses.error();
    print_places(*known, *addresses, as_of);
  } else {
    print_ring(s, *known);
  }
  return s.check ? check(s, *client, *known) : cli::Exit::done;
}

std::shared_ptr<MembershipSettings> settings(const Common& common) {
  return std::make_shared<MembershipSettings>(
      MembershipSettings{common, {}, {}, 3, false, false, false, false, {}, {}});
}

}  // namespace

void add_join(cli::Options& tool, const Common& common) {
  const auto s = settings(common);
  auto& made = tool.verb("join", "make this host one of the group's ring");
  made.synopsis("[--vnodes N] [--replicas R]", "ends when it has all its copies");
  made.value("--vnodes", "N", s->places, "places on the ring (8), by the host's capacity").between(1, 64);
  made.value("--replicas", "R", s->replicas, "the first host of a ring says it: copies of each key")
      .between(1, 16);
  add_patience(made, s->patience);
  made.example("chordctl join", "on each host");
  made.example("chordctl join --vnodes 16", "also where it is in already");
  made.does([s] { return join(*s); });
}

void add_leave(cli::Options& tool, const Common& common) {
  const auto s = settings(common);
  auto& made = tool.verb("leave", "hand over this host's copies, and leave the ring");
  made.synopsis("[--discard]", "the last host with data is refused without --discard");
  made.flag("--discard", s->discard, "the last host: delete the ring's values");
  add_patience(made, s->patience);
  made.example("chordctl leave", "");
  made.does([s] { return leave(*s); });
}

void add_ring(cli::Options& tool, const Common& common) {
  const auto s = settings(common);
  auto& made = tool.verb("ring", "the hosts and their shares");
  made.synopsis("[--check] [--json | --svg FILE]");
  made.synopsis("--adopt HOST...", "these hosts are lost for good: go on without them");
  made.operands("HOST...", s->lost, 0, 1024, "with --adopt");
  made.operand_completes_from("chordctl ring 2>/dev/null | tail -n +3 | cut -f 1");
  made.flag("--check", s->check, "name faults; status 3 if there are any");
  made.flag("--json", s->json, "one place a line, as JSON");
  made.value("--svg", "FILE", s->svg, "a picture for a page, light or dark; -: to stdout").excludes("--json");
  made.flag("--adopt", s->adopt, "take lost hosts out; names possible losses first")
      .excludes("--json")
      .excludes("--svg")
      .excludes("--check");
  add_patience(made, s->patience);
  made.example("chordctl ring --check", "");
  made.example("chordctl ring --svg ring.svg", "for a page");
  made.does([s] { return show(*s); });
}

}  // namespace coord::chordctl
