// coord_sweep: many seeds on all cores, or one again with its trace. scripts/sweep is its front.
//
//   coord_sweep --seeds N [--seed FIRST] [--jobs J] [--mutant RULE]     0: nothing found, 1: a violation, 64:
//   usage coord_sweep --replay SEED [--mutant RULE] [--shrink]                prints the trace
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/rule.hpp"
#include "sweep/run.hpp"

namespace {

using namespace coord;

struct Arguments {
  std::uint64_t seeds = 0;
  std::uint64_t first = 1;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t replay = 0;
  bool shrink = false;
  bool usage = false;
};

bool remove_rule([[maybe_unused]] const char* name) {
#ifdef COORD_MUTANTS
  mutants::removed = name;
  return true;
#else
  return false;
#endif
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (option == "--shrink") {
      arguments.shrink = true;
      continue;
    }
    if (value == nullptr) {
      arguments.usage = true;
      break;
    }
    ++i;
    if (option == "--seeds") {
      arguments.seeds = std::strtoull(value, nullptr, 10);
    } else if (option == "--seed") {
      arguments.first = std::strtoull(value, nullptr, 10);
    } else if (option == "--jobs") {
      arguments.jobs = static_cast<unsigned>(std::max(1UL, std::strtoul(value, nullptr, 10)));
    } else if (option == "--replay") {
      arguments.replay = std::strtoull(value, nullptr, 10);
    } else if (option != "--mutant" || !remove_rule(value)) {
      arguments.usage = true;
    }
  }
  if (arguments.seeds == 0 && arguments.replay == 0) arguments.usage = true;
  return arguments;
}

int replay(const Arguments& arguments) {
  std::vector<sim::Fault> plan = sweep::plan_of(arguments.replay);
  if (arguments.shrink) {
    plan = sim::shrink(std::move(plan), [&](const std::vector<sim::Fault>& shorter) {
      return sweep::run_seed(arguments.replay, {nullptr, &shorter}).violation.has_value();
    });
  }
  sim::Trace trace(1'000'000);
  const sweep::RunResult result = sweep::run_seed(arguments.replay, {&trace, &plan});
  std::fputs(trace.text().c_str(), stdout);
  for (const sim::Fault& fault : plan) std::printf("fault: %s\n", sim::text(fault).c_str());
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(arguments.replay),
              result.violation ? result.violation->c_str() : "no violation");
  return result.violation ? 1 : 0;
}

struct Totals {
  std::mutex mutex;
  std::uint64_t seeds = 0, events = 0, grants = 0, losses = 0, renewals = 0;
  double simulated_s = 0;
  sim::FaultCounts faults;
  std::vector<std::pair<std::uint64_t, std::string>> violations;
};

void sweep_some(const Arguments& arguments, std::atomic<std::uint64_t>& next, std::atomic<bool>& stop,
                Totals& totals) {
  for (;;) {
    const std::uint64_t seed = next++;
    if (stop || seed >= arguments.first + arguments.seeds) return;
    const sweep::RunResult result = sweep::run_seed(seed);
    const std::lock_guard lock(totals.mutex);
    ++totals.seeds;
    totals.events += result.events;
    totals.grants += result.grants;
    totals.losses += result.losses;
    totals.renewals += result.renewals;
    totals.simulated_s += result.simulated_s;
    totals.faults += result.faults;
    if (!result.violation) continue;
    stop = true;
    totals.violations.emplace_back(seed, *result.violation);
  }
}

int sweep_seeds(const Arguments& arguments) {
  Totals totals;
  std::atomic<std::uint64_t> next{arguments.first};
  std::atomic<bool> stop{false};
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < arguments.jobs; ++i) {
    threads.emplace_back([&] { sweep_some(arguments, next, stop, totals); });
  }
  for (std::thread& thread : threads) thread.join();
  const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%llu seeds in %.1f s: %.0f seeds/s, %.1f simulated hours/s, %.2f million events/s\n",
              static_cast<unsigned long long>(totals.seeds), wall_s,
              static_cast<double>(totals.seeds) / wall_s, totals.simulated_s / 3600 / wall_s,
              static_cast<double>(totals.events) / wall_s / 1e6);
  std::printf("%llu commands ran under a lock, %llu were stopped because it was lost, %llu renewals\n",
              static_cast<unsigned long long>(totals.grants), static_cast<unsigned long long>(totals.losses),
              static_cast<unsigned long long>(totals.renewals));
  std::fputs(totals.faults.text().c_str(), stdout);
  for (const auto& [seed, text] : totals.violations) {
    std::printf("VIOLATION %s\nreplay it: scripts/sweep --replay %llu\n", text.c_str(),
                static_cast<unsigned long long>(seed));
  }
  return totals.violations.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (arguments.usage) {
    std::fputs(
        "usage: coord_sweep --seeds N [--seed FIRST] [--jobs J] [--mutant RULE] | --replay SEED [--shrink]\n",
        stderr);
    return 64;
  }
  return arguments.replay != 0 ? replay(arguments) : sweep_seeds(arguments);
}
