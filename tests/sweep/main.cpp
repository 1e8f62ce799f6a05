// SPDX-License-Identifier: MIT
// coord_sweep: many seeds on all cores, or one again with its trace. scripts/sweep is its front.
//
// Status: 0 nothing found, 1 a violation, 64 usage. With --expect: 0 if one of the named invariants is
// violated, else 1 (tests/mutants).
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/rule.hpp"
#include "sweep/run.hpp"

namespace {

using namespace coord;

constexpr const char* usage_text =
    "usage: coord_sweep --seeds N [--seed FIRST] [--jobs J] [--profile NAME] [--traces DIRECTORY]\n"
    "                   [--mutant RULE --expect INVARIANT,...]\n"
    "       coord_sweep --replay SEED [--profile NAME] [--mutant RULE] [--shrink yes]\n"
    "profiles: mixed calm crowded renewals power damage elections alone upgrades keys members churn casts "
    "engine; "
    "without "
    "--profile the seed "
    "decides\n";

struct Arguments {
  std::uint64_t seeds = 0;
  std::uint64_t first = 1;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t replay = 0;
  std::optional<sweep::Profile> profile;
  std::string traces;
  std::string mutant;
  std::string expect;
  bool shrink = false;
  bool usage = false;
};

bool take(Arguments& arguments, std::string_view option, const char* value) {
  const auto number = [&] { return std::strtoull(value, nullptr, 10); };
  if (option == "--seeds") {
    arguments.seeds = number();
  } else if (option == "--seed") {
    arguments.first = number();
  } else if (option == "--jobs") {
    arguments.jobs = static_cast<unsigned>(std::max(1ULL, number()));
  } else if (option == "--replay") {
    arguments.replay = number();
  } else if (option == "--profile") {
    arguments.profile = sweep::profile_named(value);
    return arguments.profile.has_value();
  } else if (option == "--traces") {
    arguments.traces = value;
  } else if (option == "--expect") {
    arguments.expect = value;
  } else if (option == "--shrink") {
    arguments.shrink = true;
  } else if (option == "--mutant") {
    arguments.mutant = value;
    mutants::removed = value;
  } else {
    return false;
  }
  return true;
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2)
    arguments.usage = arguments.usage || i + 1 == argc || !take(arguments, argv[i], argv[i + 1]);
  arguments.usage = arguments.usage || (arguments.seeds == 0) == (arguments.replay == 0);
  return arguments;
}

int replay(const Arguments& arguments) {
  const sweep::Profile profile = arguments.profile.value_or(sweep::profile_of(arguments.replay));
  std::vector<sim::Fault> plan = sweep::plan_of(arguments.replay, profile);
  if (arguments.shrink) {
    plan = sim::shrink(std::move(plan), [&](const std::vector<sim::Fault>& shorter) {
      return !sweep::run_seed(arguments.replay, {profile, nullptr, &shorter}).check.empty();
    });
  }
  sim::Trace trace(1'000'000);
  const sweep::RunResult result = sweep::run_seed(arguments.replay, {profile, &trace, &plan});
  std::fputs(trace.text().c_str(), stdout);
  for (const sim::Fault& fault : plan) std::printf("fault: %s\n", sim::text(fault).c_str());
  std::printf("seed %llu, profile %s: %s\n", static_cast<unsigned long long>(arguments.replay),
              std::string(sweep::name_of(profile)).c_str(),
              result.check.empty() ? "no violation" : result.violation.c_str());
  return result.check.empty() ? 0 : 1;
}

struct Totals {
  std::mutex mutex;
  std::uint64_t seeds = 0, events = 0, grants = 0, losses = 0, renewals = 0, listings = 0, resumptions = 0,
                passes = 0, changes = 0, orders = 0, forgets = 0, heard = 0, undecided = 0;
  double simulated_s = 0;
  sim::FaultCounts faults;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now(), shown;
  std::uint64_t seed = 0;  // that violated something first; 0: none
  sweep::RunResult worst;
};

// On a terminal only: a line that is written over.
void show_progress(const Arguments& arguments, Totals& totals) {
  static const bool is_terminal = isatty(STDERR_FILENO) == 1;
  const auto now = std::chrono::steady_clock::now();
  if (!is_terminal || now < totals.shown + std::chrono::seconds(1)) return;
  totals.shown = now;
  const double passed = std::chrono::duration<double>(now - totals.began).count();
  const auto left = static_cast<double>(arguments.seeds - std::min(totals.seeds, arguments.seeds));
  std::fprintf(
      stderr, "\r%llu of %llu seeds, %.0f s left \033[K", static_cast<unsigned long long>(totals.seeds),
      static_cast<unsigned long long>(arguments.seeds), passed * left / static_cast<double>(totals.seeds));
}

void sweep_some(const Arguments& arguments, std::atomic<std::uint64_t>& next, std::atomic<bool>& stop,
                Totals& totals) {
  for (;;) {
    const std::uint64_t seed = next++;
    if (stop || seed >= arguments.first + arguments.seeds) return;
    sweep::RunOptions options;
    options.profile = arguments.profile;
    const sweep::RunResult result = sweep::run_seed(seed, options);
    const std::lock_guard lock(totals.mutex);
    ++totals.seeds;
    show_progress(arguments, totals);
    totals.events += result.events;
    totals.grants += result.grants;
    totals.losses += result.losses;
    totals.renewals += result.renewals;
    totals.listings += result.listings;
    totals.resumptions += result.resumptions;
    totals.passes += result.passes;
    totals.changes += result.changes;
    totals.orders += result.orders;
    totals.forgets += result.forgets;
    totals.heard += result.heard;
    totals.undecided += result.undecided ? 1 : 0;
    totals.simulated_s += result.simulated_s;
    totals.faults += result.faults;
    if (result.check.empty() || totals.seed != 0) continue;
    stop = true;
    totals.seed = seed;
    totals.worst = result;
  }
}

unsigned long long printable(std::uint64_t value) {
  return value;
}

void report(const Totals& totals, double wall_s) {
  std::printf("%llu seeds in %.1f s: %.0f seeds/s, %.2f simulated hours/s, %.2f million events/s\n",
              printable(totals.seeds), wall_s, static_cast<double>(totals.seeds) / wall_s,
              totals.simulated_s / 3600 / wall_s, static_cast<double>(totals.events) / wall_s / 1e6);
  std::printf(
      "%llu commands ran under a lock, %llu were stopped because it was lost; %llu renewals, "
      "%llu listings, %llu holds taken up by a restarted peer; %llu participants passed a barrier; %llu keys "
      "were changed, %llu orders about the voters were carried out, %llu that a host is to be forgotten were "
      "given, "
      "%llu casts were heard\n",
      printable(totals.grants), printable(totals.losses), printable(totals.renewals),
      printable(totals.listings), printable(totals.resumptions), printable(totals.passes),
      printable(totals.changes), printable(totals.orders), printable(totals.forgets),
      printable(totals.heard));
  std::printf("histories too long to be searched for an order: %llu\n", printable(totals.undecided));
  std::fputs(totals.faults.text().c_str(), stdout);
}

void report_violation(const Arguments& arguments, const Totals& totals) {
  const std::string profile =
      arguments.profile ? " --profile " + std::string(sweep::name_of(*arguments.profile)) : "";
  std::printf("VIOLATION %s\nreplay it: scripts/sweep --replay %llu%s\n", totals.worst.violation.c_str(),
              printable(totals.seed), profile.c_str());
  if (arguments.traces.empty()) return;
  sim::Trace trace(1'000'000);
  (void)sweep::run_seed(totals.seed, {arguments.profile, &trace, nullptr});
  const std::string file = arguments.traces + "/sweep-" + std::to_string(totals.seed) + ".trace";
  std::ofstream out(file);
  out << trace.text() << totals.worst.violation << "\n";
  out.close();
  std::printf(out ? "its trace: %s\n" : "its trace could not be written: %s\n", file.c_str());
}

bool is_named(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::size_t end = list.find(',');
    if (list.substr(0, end) == name) return true;
    list = end == std::string_view::npos ? std::string_view{} : list.substr(end + 1);
  }
  return false;
}

int judge_mutant(const Arguments& arguments, const Totals& totals) {
  if (totals.seed == 0) {
    std::printf("NOT CAUGHT: without %s, nothing was violated in %llu seeds\n", arguments.mutant.c_str(),
                printable(totals.seeds));
    return 1;
  }
  const bool expected = is_named(arguments.expect, totals.worst.check);
  std::printf("%s: without %s, seed %llu: %s\n", expected ? "caught" : "CAUGHT BY ANOTHER INVARIANT",
              arguments.mutant.c_str(), printable(totals.seed), totals.worst.violation.c_str());
  return expected ? 0 : 1;
}

// A peer whose own checks stop it has noticed the missing rule as well.
extern "C" void own_check_failed(int) {
  constexpr char text[] = "caught: a peer's own check failed\n";
  (void)!write(STDOUT_FILENO, text, sizeof text - 1);
  _exit(0);
}

int sweep_seeds(const Arguments& arguments) {
  if (is_named(arguments.expect, "own_check")) std::signal(SIGABRT, own_check_failed);
  Totals totals;
  std::atomic<std::uint64_t> next{arguments.first};
  std::atomic<bool> stop{false};
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < arguments.jobs; ++i) {
    threads.emplace_back([&] { sweep_some(arguments, next, stop, totals); });
  }
  for (std::thread& thread : threads) thread.join();
  if (totals.shown != std::chrono::steady_clock::time_point{}) std::fputs("\r\033[K", stderr);
  if (!arguments.expect.empty()) return judge_mutant(arguments, totals);
  report(totals, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  if (totals.seed == 0) return 0;
  report_violation(arguments, totals);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (arguments.usage) {
    std::fputs(usage_text, stderr);
    return 64;
  }
  return arguments.replay != 0 ? replay(arguments) : sweep_seeds(arguments);
}
