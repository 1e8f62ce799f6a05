// SPDX-License-Identifier: MIT
// How soon a large group knows of a death, and how few are held dead by mistake: the tables of
// docs/membership.md. The class that a peer runs, in the simulator. Theory stands in brackets; a figure that
// is out of its bounds is named on standard error, and the status is 1.
//
//   swim_figures [detect|loss|starved|heal|small] [MEMBERS]     default: small, a second or two
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "protocol/membership/swim.hpp"
#include "sim/world.hpp"

using namespace coord;
using namespace coord::membership;
using namespace std::chrono_literals;

namespace {

constexpr double most_sent = 10;  // a second and member

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
double n_of(std::size_t members) {
  return static_cast<double>(members);
}

bool out_of_bounds = false;

void check(const char* table, const char* what, double measured, double least, double most) {
  if (measured >= least && measured <= most) return;
  out_of_bounds = true;
  std::fprintf(stderr, "swim_figures: %s: %s: %.2f, not within %.2f to %.2f\n", table, what, measured, least,
               most);
}

// What is to be expected of a group of so many, with the defaults.
struct Theory {
  explicit Theory(std::size_t members) {
    const Swim::Config config;
    const auto n = static_cast<double>(members);
    const double period = seconds(config.period), round = seconds(config.gossip);
    const auto told = static_cast<double>(config.fan_out);
    suspected = period / (1 - std::pow(1 - 1 / (n - 1), n - 1)) + period;
    shortest = seconds(shortest_suspicion(members - 1, config.period, config.suspicion_factor));
    longest = shortest * static_cast<double>(config.suspicion_stretch);
    spread = round * std::log(n) / std::log(1 + told);
    // Somebody compares with a dead one; then each tells the news of all as often as it tells any.
    healed = 2 * seconds(config.compare) / n +
             round * n * static_cast<double>(tell_limit(members, config.tell_factor)) /
                 (told * static_cast<double>(datagram_rumours));
  }
  double known() const { return suspected + shortest + spread; }
  double known_at_most() const { return 3 * suspected + longest + 4 * spread; }

  double suspected, shortest, longest, spread, healed;
};

// All members know each other. Datagrams are lost here; streams are not, as TCP sends again.
struct App {
  using Node = Swim;
  using Message = Swim::Message;
  using Input = sim::NoInput;
  using Job = sim::NoJob;
  using Port = sim::Port<App>;

  explicit App(std::size_t members) {
    std::vector<NodeId> names;
    for (std::size_t i = 1; i <= members; ++i) names.push_back(NodeId{i});
    founders = std::make_shared<const std::vector<NodeId>>(std::move(names));
  }
  Result<std::unique_ptr<Swim>> start(Instant now, Port& port) {
    Swim::Config config;
    config.self = port.self();
    config.founders = founders;
    config.seed = port.random().next();
    config.stream_ping = stream_ping;
    config.keeps_phi = false;
    return std::make_unique<Swim>(now, config, std::nullopt);
  }
  void on_message(Swim& node, Instant now, NodeId from, Message message, Port& port) {
    perform(node.step(now, Swim::Receive{from, std::move(message)}), port);
  }
  std::optional<Instant> deadline(const Swim& node) const { return node.deadline(); }
  void on_tick(Swim& node, Instant now, Port& port) { perform(node.step(now, Swim::Tick{}), port); }
  std::string describe(const Message& message) const { return text(message); }

  void perform(const Swim::Actions& actions, Port& port) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<Swim::Send>(&action)) {
        ++sent;
        if (!goes_by_stream(send->message) && loss > 0 && random.chance(loss)) continue;
        port.send(send->to, send->message);
      } else if (const auto* changed = std::get_if<Swim::Changed>(&action)) {
        saw(changed->node, changed->member.state, port.world_now());
      }
    }
  }
  void saw(NodeId node, State state, Instant now) {
    if (node == victim) {
      if (state == State::suspect) first_suspects = std::min(first_suspects, now);
      if (state != State::dead) return;
      first_dead = std::min(first_dead, now);
      last_dead = now;
      ++know;
    } else if (state == State::suspect) {
      ++suspected;
    } else if (state == State::dead) {
      ++removed;
    }
  }

  Roster::Founders founders;
  bool stream_ping = true;
  double loss = 0;
  Random random{1};
  NodeId victim;
  Instant first_suspects = Instant::max(), first_dead = Instant::max(), last_dead;
  std::size_t know = 0, suspected = 0, removed = 0;
  std::uint64_t sent = 0;
};

struct Group {
  explicit Group(std::size_t members, std::uint64_t seed = 1)
      : app(members), world(app, config(members, seed)) {}
  static sim::WorldConfig config(std::size_t members, std::uint64_t seed) {
    sim::WorldConfig config;
    config.nodes = members;
    config.seed = seed;
    config.link.delay_high = 3ms;
    return config;
  }
  // Ends when all others know.
  void kill(NodeId victim) {
    app.victim = victim;
    died = world.now();
    world.crash(victim, sim::CrashKind::process);
    while (app.know + 1 < world.nodes() && world.now() - died < 120s) world.run_for(100ms);
  }
  App app;
  sim::World<App> world;
  Instant died;
};

// First detection 1/(1-1/e) periods on average, and the time-outs until somebody suspects; then the
// suspicion, then the epidemic: log of the members to the base of those told by each.
void detect(std::size_t members, std::size_t times) {
  double suspects = 0, dead = 0, spread = 0, all = 0;
  std::uint64_t sent = 0;
  for (std::size_t i = 1; i <= times; ++i) {
    Group group(members, i);
    group.world.start_all();
    group.world.run_for(2s);
    sent += group.app.sent;
    group.kill(NodeId{1 + i * 7 % members});
    suspects += seconds(group.app.first_suspects - group.died);
    dead += seconds(group.app.first_dead - group.app.first_suspects);
    spread += seconds(group.app.last_dead - group.app.first_dead);
    all += seconds(group.app.last_dead - group.died);
    check("detect", "others that know", static_cast<double>(group.app.know + 1), n_of(members),
          n_of(members));
  }
  const auto runs = static_cast<double>(times);
  const Theory theory(members);
  const double each = static_cast<double>(sent) / runs / n_of(members) / 2;
  std::printf(
      "detect    N %6zu  suspected %.2f s (%.2f)  dead %.2f s later (%.2f to %.2f)  all know %.2f s later "
      "(%.2f)  in all %.2f s  sent %.1f a second and member\n",
      members, suspects / runs, theory.suspected, dead / runs, theory.shortest, theory.longest, spread / runs,
      theory.spread, all / runs, each);
  check("detect", "seconds until it is suspected", suspects / runs, 0, 3 * theory.suspected);
  check("detect", "seconds of suspicion", dead / runs, 0.95 * theory.shortest, theory.longest);
  check("detect", "seconds until all know", spread / runs, 0, 4 * theory.spread);
  check("detect", "sent a second and member", each, 1, most_sent);
}

// A probe of a living member fails if the ping is lost, or its answer, and of each helper one of four.
void loss(std::size_t members, bool stream_ping, Duration length) {
  Group group(members);
  group.app.loss = 0.3;
  group.app.stream_ping = stream_ping;
  group.world.start_all();
  group.world.run_for(length);
  const std::size_t suspected = group.app.suspected, removed = group.app.removed;
  group.kill(NodeId{members / 2});
  const Theory theory(members);
  const double comes = 1 - group.app.loss, known = seconds(group.app.last_dead - group.died);
  const double fails = (1 - std::pow(comes, 2)) * std::pow(1 - std::pow(comes, 4), 3);
  std::printf(
      "loss      N %6zu  30 %% of datagrams, %s: in %.0f s held suspect %zu times, dead %zu times "
      "(%.0f %% of probes fail); of a death %zu of %zu know in %.2f s (%.2f without loss)\n",
      members, stream_ping ? "stream pings" : "no stream pings", seconds(length), suspected, removed,
      stream_ping ? 0 : 100 * fails, group.app.know, members - 1, known, theory.known());
  if (!stream_ping) return;  // a warning
  check("loss", "others that know", static_cast<double>(group.app.know + 1), n_of(members), n_of(members));
  check("loss", "living ones held dead", static_cast<double>(removed), 0, 0);
  check("loss", "seconds until all know", known, theory.shortest, theory.known_at_most());
}

// One member runs a tenth of the time only, for 900 ms it does not.
void starved(std::size_t members, Duration length) {
  Group group(members);
  group.world.start_all();
  const NodeId slow{1};
  for (Duration at = 1s; at < length; at += 1s) {
    group.world.at(Instant{} + at, [&group, slow] { group.world.pause(slow); });
    group.world.at(Instant{} + at + 900ms, [&group, slow] { group.world.resume(slow); });
  }
  group.app.victim = slow;
  group.world.run_for(length);
  std::printf(
      "starved   N %6zu  for %.0f s: itself held dead %zu times; others suspect %zu times, dead %zu times\n",
      members, seconds(length), group.app.know, group.app.suspected, group.app.removed);
  check("starved", "times that it is held dead", static_cast<double>(group.app.know), 0, 0);
  check("starved", "times that others are", static_cast<double>(group.app.removed), 0, 0);
}

bool all_alive(const Group& group) {
  for (std::size_t i = 1; i <= group.world.nodes(); ++i) {
    const Roster& roster = group.world.node(NodeId{i})->roster();
    if (roster.present() != group.world.nodes()) return false;
  }
  return true;
}

void heal(std::size_t members, Duration length) {
  Group group(members);
  group.world.start_all();
  group.world.run_for(2s);
  const auto cut = [&](bool apart) {
    for (std::size_t i = 1; i <= members; ++i) {
      for (std::size_t j = 1; j <= members; ++j) {
        if ((i % 2 == 0) == (j % 2 == 0)) continue;
        if (apart) {
          group.world.network().cut(NodeId{i}, NodeId{j});
        } else {
          group.world.network().mend(NodeId{i}, NodeId{j});
        }
      }
    }
  };
  cut(true);
  const Instant begun = group.world.now();
  while (group.app.removed < members * (members / 2) && group.world.now() - begun < length)
    group.world.run_for(100ms);
  const double apart = seconds(group.world.now() - begun);
  const std::size_t removed = group.app.removed;
  cut(false);
  const Instant mended = group.world.now();
  while (!all_alive(group) && group.world.now() - mended < 300s) group.world.run_for(250ms);
  const double whole = seconds(group.world.now() - mended);
  const Theory theory(members);
  std::printf(
      "heal      N %6zu  cut in halves: %zu held dead after %.1f s; whole again %.1f s after the cut is "
      "mended (%.1f)\n",
      members, removed, apart, whole, theory.healed);
  check("heal", "held dead by the other half", static_cast<double>(removed), n_of(members * (members / 2)),
        n_of(members * members));
  check("heal", "seconds until it is whole", whole, 0, 3 * theory.healed + 2);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "small";
  const std::size_t members = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1000;
  if (members < 4 || members > 16'384) {
    std::fprintf(stderr, "swim_figures: %s: give 4 to 16384 members\n", argv[2]);
    return 64;
  }
  if (what == "detect") {
    detect(members, members > 2000 ? 1 : 10);
  } else if (what == "loss") {
    loss(members, true, 20s);
    loss(members, false, 20s);
  } else if (what == "starved") {
    starved(members, 60s);
  } else if (what == "heal") {
    heal(members, 60s);
  } else if (what == "small") {
    detect(30, 5);
    loss(30, true, 10s);
    starved(30, 30s);
    heal(30, 60s);
  } else {
    std::fprintf(stderr, "swim_figures: %s: not a table: give detect, loss, starved, heal or small\n",
                 what.c_str());
    return 64;
  }
  return out_of_bounds ? 1 : 0;
}
