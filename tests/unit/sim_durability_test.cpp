// SPDX-License-Identifier: MIT
// The disk and the world together: a number in a file, in two slots written in turn, that must never be less
// than what was acknowledged. Done right it survives every plan of faults; each of four mistakes is found.
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "sim/inject.hpp"
#include "sim/world.hpp"

using namespace coord;
using namespace coord::sim;
using namespace std::chrono_literals;

namespace {

enum class Mistake { none, no_sync, no_directory_sync, one_slot, trusts_the_cache_at_start };

struct Keeper {
  struct Node {
    std::unique_ptr<DiskFile> file;
    std::uint64_t value = 0;
  };
  struct Count {};
  struct Write {
    std::uint64_t value = 0;
    bool ok = false;
  };
  using Message = int;
  using Input = Count;
  using Job = Write;

  explicit Keeper(Mistake made) : mistake(made) {}

  // A slot is one sector: the number at its front, and again, changed, at its end: a torn one does not match.
  static Bytes slot(std::uint64_t value) {
    ByteWriter writer;
    writer.put(value);
    writer.put(ByteView(Bytes(sector_size - 16)));
    writer.put(~value);
    return writer.take();
  }
  static std::uint64_t value_of(ByteView bytes) {
    ByteReader reader(bytes);
    const auto value = reader.get<std::uint64_t>();
    static_cast<void>(reader.get(sector_size - 16));
    return reader.get<std::uint64_t>() == ~value ? value : 0;
  }
  Status write(Node& node, std::uint64_t value) const {
    const std::uint64_t place = mistake == Mistake::one_slot ? 0 : value % 2;
    auto written = node.file->write(place * sector_size, slot(value));
    if (!written.ok() || mistake == Mistake::no_sync) return written;
    return node.file->sync();
  }

  Result<std::unique_ptr<Node>> start(Instant, Port<Keeper>& port) {
    auto node = std::make_unique<Node>();
    auto opened = port.disk().open("value");
    const bool fresh = !opened.ok();
    if (fresh) opened = port.disk().create("value");
    if (!opened.ok()) return opened.error();
    node->file = std::move(opened).value();
    auto read = node->file->read(0, 2 * sector_size);
    if (!read.ok()) return read.error();
    read->resize(2 * sector_size);
    const ByteView both(*read);
    node->value = std::max(value_of(both.first(sector_size)), value_of(both.last(sector_size)));
    if (mistake != Mistake::trusts_the_cache_at_start) {  // what was read may never have reached the platter
      if (auto written = write(*node, node->value); !written.ok()) return written.error();
    }
    if (mistake != Mistake::no_directory_sync) {
      if (auto synced = port.disk().sync_directory(); !synced.ok()) return synced.error();
    }
    return node;
  }
  void on_message(Node&, Instant, NodeId, Message, Port<Keeper>&) {}
  void on_input(Node&, Instant, Count, Port<Keeper>& port) { port.job({}); }
  void perform(Node& node, Job& job) const {
    job.value = node.value + 1;
    job.ok = write(node, job.value).ok();
  }
  void on_done(Node& node, Instant, Job job, Port<Keeper>& port) {
    if (!job.ok) return port.stop("the disk failed");
    node.value = std::max(node.value, job.value);
    acknowledged = std::max(acknowledged, node.value);
  }
  std::string describe(const Message&) const { return ""; }

  Mistake mistake;
  std::uint64_t acknowledged = 0;
};

struct Outcome {
  std::optional<Violation> violation;
  FaultCounts faults;
};

Outcome run(Mistake mistake, std::uint64_t seed) {
  Keeper app(mistake);
  WorldConfig config;
  config.nodes = 1;
  config.seed = seed;
  World<Keeper> world(app, config);
  world.add_check("acknowledged_stays", [&](const World<Keeper>& w, NodeId id) -> std::optional<std::string> {
    if (!w.node(id) || w.node(id)->value >= app.acknowledged) return std::nullopt;
    return std::to_string(app.acknowledged) + " was acknowledged, " + std::to_string(w.node(id)->value) +
           " is there";
  });
  FaultConfig faults = FaultConfig::everything(5s, 1);
  // Two copies of one sector cannot survive those.
  faults.mean_gap.erase(FaultKind::bit_flip);
  faults.mean_gap.erase(FaultKind::disk_replaced);
  faults.damage_limit = 1;
  world.start_all();
  inject(world, plan_faults(faults, 1, seed), Instant{} + 5s);
  std::uint64_t before_last_second = 0;  // the last stall is over by then
  for (int i = 0; i < 400 && !world.violation(); ++i) {
    if (i == 350) before_last_second = app.acknowledged;
    world.input(NodeId{1}, {});
    world.run_for(20ms);
  }
  if (world.state(NodeId{1}) != NodeState::running) world.fail("back_in_quiet_times", world.why(NodeId{1}));
  if (app.acknowledged < before_last_second + 40)
    world.fail("makes_progress", std::to_string(app.acknowledged));
  return {world.violation(), world.faults()};
}

}  // namespace

TEST_CASE("what was acknowledged stays, through 500 plans of faults of the disk and the process") {
  FaultCounts faults;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const Outcome outcome = run(Mistake::none, seed);
    INFO("seed " << seed << ": " << (outcome.violation ? outcome.violation->text() : ""));
    REQUIRE_FALSE(outcome.violation);
    faults += outcome.faults;
  }
  for (const auto kind : {FaultKind::process_crash, FaultKind::power_cut, FaultKind::crash_in_call,
                          FaultKind::restart, FaultKind::pause, FaultKind::disk_full, FaultKind::disk_error,
                          FaultKind::disk_stall, FaultKind::sector_lost, FaultKind::sector_torn}) {
    INFO(name_of(kind));
    CHECK(faults.of(kind) >= 20);
  }
}

TEST_CASE("each mistake with the disk is found within 2000 seeds") {
  const auto [mistake, name] = GENERATE(
      table<Mistake, const char*>({{Mistake::no_sync, "no sync"},
                                   {Mistake::no_directory_sync, "no sync of the directory"},
                                   {Mistake::one_slot, "written over in place"},
                                   {Mistake::trusts_the_cache_at_start, "trusts the cache at start"}}));
  std::optional<Violation> violation;
  std::uint64_t seed = 0;
  while (!violation && seed < 2000) violation = run(mistake, ++seed).violation;
  INFO(name);
  REQUIRE(violation);
  CHECK(violation->check == "acknowledged_stays");
  WARN(name << ": seed " << seed << ": " << violation->text());
}
