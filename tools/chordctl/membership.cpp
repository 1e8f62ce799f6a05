// SPDX-License-Identifier: MIT
// chordctl join, leave, ring: which hosts a ring has.
#include "membership.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/counted.hpp"
#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "known.hpp"
#include "verbs.hpp"

namespace coord::chordctl {
namespace {

service::JoinRing join_order(const MembershipSettings& s, const Known& known, std::uint64_t places,
                             std::uint64_t replicas) {
  const auto own = std::ranges::find(known.view.hosts, known.here.host, &service::RingHost::host);
  return {s.common.ring,
          known.here.host,
          static_cast<std::uint32_t>(places),
          static_cast<std::uint32_t>(replicas),
          0,
          {},
          own == known.view.hosts.end() ? Token{} : own->joined};
}

// False: this host is not the only one of the ring, and is not closed.
Result<bool> close_ring(const MembershipSettings& s, Client& client) {
  auto answer = client.ask(ring::CloseRing{s.common.ring});
  if (!answer) return answer.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, s.common.ring);
  return std::holds_alternative<ring::HandedOver>(*answer);
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

// The ring gets another number: then its only host is not closed, and an order to end the ring with the
// number that it has had is void.
Result<Client::Ordered> open_ring(const MembershipSettings& s, Client& client, Token number) {
  return client.order(service::SettleRing{s.common.ring, number, 0, {}, true});
}

Result<cli::Exit> join(const MembershipSettings& s) {
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  auto known = look_when_heard(s, *client);
  // A `leave` was interrupted; or it has yet to end, and is refused then. Another one may have closed the
  // host again since.
  while (known && known->is_member() && known->here.is_closed) {
    auto opened = open_ring(s, *client, known->view.number);
    if (!opened) return opened.error();
    if (!opened->done && !opened->may_be_done_later) return refused_change(s, *opened);
    known = look_when_heard(s, *client);
    if (known && known->here.is_closed && !client->pause(looks_again_every)) {
      const bool has_heard = known->here.number == known->view.number;
      const std::string why = has_heard
                                  ? "this host is about to leave the ring by another command"
                                  : "this host's peer has not heard yet that the host takes values again";
      return refused_change(s, {false, why, {}, true, true});
    }
  }
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

// The only host of the ring goes with it if it has no values: none is taken from before they are counted.
// False: there are some, or it was refused, and the host is as it was.
Result<bool> end_empty_ring(const MembershipSettings& s, Client& client, const Known& known) {
  auto closed = close_ring(s, client);
  if (!closed || !*closed) return closed;
  auto counted = look_when_heard(s, client);
  if (!counted) return counted.error();
  const bool is_as_seen = counted->here.is_closed && counted->here.number == known.view.number;
  if (counted->here.keys == 0 && is_as_seen) {
    auto ordered =
        client.order(service::LeaveRing{s.common.ring, known.here.host, true, 0, {}, known.view.number});
    if (!ordered) return ordered.error();
    if (ordered->done) return true;
  }
  // The host is closed for the number that it has now, not for that of the first look.
  auto opened = open_ring(s, client, counted->view.number);
  return opened ? Result<bool>(false) : Result<bool>(opened.error());
}

Result<cli::Exit> leave(const MembershipSettings& s) {
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  auto known = look_when_heard(s, *client);
  if (!known) return known.error();
  // It was closed by a `leave` that was interrupted, which had not counted yet.
  if (known->is_member() && known->here.is_closed && known->here.keys > 0 && !s.discard) {
    auto opened = open_ring(s, *client, known->view.number);
    if (!opened) return opened.error();
    known = look_when_heard(s, *client);
    if (!known) return known.error();
  }
  Token number = known->view.number;
  const bool was_here = known->is_member();
  const bool is_leaving = std::ranges::find(known->view.before, known->here.host, &service::RingHost::host) !=
                          known->view.before.end();
  const bool is_alone = was_here && known->view.hosts.size() == 1 && known->view.before.empty();
  const bool is_whole = known->here.is_complete || known->here.is_closed;
  bool has_ended = false;
  if (is_alone && !s.discard && known->here.keys == 0 && is_whole) {
    auto ended = end_empty_ring(s, *client, *known);
    if (!ended) return ended.error();
    has_ended = *ended;
  }
  if (was_here && !has_ended) {
    const service::LeaveRing order{s.common.ring, known->here.host, s.discard, 0, {}};
    auto ordered = order_in_turn(s, *client, *known, order);
    if (!ordered) return ordered.error();
    if (!ordered->done) return refused_change(s, *ordered);
    number = ordered->number;
  }
  if ((was_here && !has_ended) || is_leaving) {
    auto settled = settle(s, *client, known->here.host, number);
    if (!settled || *settled != cli::Exit::done) return settled;
  }
  auto forgotten = client->ask(ring::Forget{s.common.ring});
  if (!forgotten) return forgotten.error();
  if (was_here || is_leaving) return cli::Exit::done;
  cli::notice("chordctl", fmt::format("{}: this host is not in the ring", s.shown_ring()));
  return cli::Exit::no;
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
