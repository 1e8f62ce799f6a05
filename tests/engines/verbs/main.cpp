// SPDX-License-Identifier: MIT
// The verbs that a log wants of an engine (replica/engine_verbs.hpp), asked of real servers: the same story
// for every adapter.
//
// usage: engine_verbs URL            all of it, in logs of its own below URL's prefix; a line for each part
//        engine_verbs URL without R  the part about seals, without rule R (base/rule.hpp): it is to fail
//        engine_verbs URL append N   milliseconds of N appends, one after the other, until each is told
//        engine_verbs URL many N     N gateways follow one log and are told the same, and what that costs
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "gateway.hpp"

namespace coord::engines {
namespace {

using Clock = std::chrono::steady_clock;

std::string filled(const std::string& begin, std::size_t size) {
  std::string text = begin;
  while (text.size() < size) text += static_cast<char>('a' + text.size() % 23);
  return text;
}

Bytes bytes_in(const std::string& text) {
  const ByteView view = bytes_of(text);
  return {view.begin(), view.end()};
}

void make(TestGateway& gateway, const std::string& state) {
  if (gateway.load()) failed("there is a log before it was made");
  for (int i = 0; i < 50; ++i) {  // an engine may carry out two requests in any order
    gateway.ask(engine::Make{bytes_in(state)});
    if (gateway.load()) return;
  }
  failed("no log after it was made");
}

void alike(const TestGateway& a, const TestGateway& b, const char* when) {
  if (a.entries == b.entries && a.positions == b.positions && a.epoch == b.epoch) return;
  failed(fmt::format("{}: two gateways were told something else ({} and {} entries)", when, a.entries.size(),
                     b.entries.size()));
}

class Story {
 public:
  explicit Story(const EngineUrl& url) : url_(url) {
    url_.prefix += fmt::format("{:x}-", Clock::now().time_since_epoch().count());
    base_ = url_.prefix;
  }

  void run() {
    part("one log of two makers", [this] { two_makers(); });
    part("one order", [this] { one_order(); });
    part("the same key again", [this] { same_key(); });
    part("a seal", [this] { seal(); });
    part("a retry after its epoch was sealed, and after it was removed", [this] { late_retry(); });
    part("a state of some pieces, and two keepers", [this] { two_keepers(); });
    part("a reader that was paused while others trim", [this] { paused(false); });
    part("the same with a barrier", [this] { paused(true); });
    part("a barrier sees what was acknowledged to another", [this] { barriers(); });
    part("large entries", [this] { large(); });
  }

  void run_without(const std::string& rule) {
    mutants::removed = rule;
    part("a seal", [this] { seal(); });
  }

  void measure(int times) {
    url_.prefix = base_ + "m/";
    TestGateway gateway(url_, 1);
    make(gateway, "state");
    std::vector<double> spent;
    for (int i = 0; i < times; ++i) {
      const auto begin = Clock::now();
      const std::string text = filled(fmt::format("{} ", i), 200);
      gateway.append(1, fmt::format("k{}", i), text);
      gateway.until("an entry", [&] { return gateway.has(text); });
      spent.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    }
    std::ranges::sort(spent);
    std::printf("%.3f\n", spent[spent.size() / 2]);
  }

  void many(int gateways) {
    constexpr int appends = 100;
    url_.prefix = base_ + "n/";
    auto begin = Clock::now();
    const auto passed = [&begin] {
      return std::chrono::duration<double, std::milli>(Clock::now() - std::exchange(begin, Clock::now()))
          .count();
    };
    std::vector<std::unique_ptr<TestGateway>> all;
    for (int i = 0; i < gateways; ++i) {
      all.push_back(std::make_unique<TestGateway>(url_, static_cast<std::uint64_t>(i + 1)));
      if (i == 0) make(*all[0], "state");
      all.back()->load();
      all.back()->goes_on = true;
      // The others meanwhile now and then, as their connections want it.
      const bool all_run = i % 10 == 9 || i + 1 == gateways;
      for (const auto& one : all) one->paused = !all_run;
      all.front()->paused = false;
      if (all_run) all.front()->run_for(std::chrono::milliseconds(1));
    }
    const double loaded = passed();
    for (int i = 0; i < appends; ++i) {
      const std::string text = filled(fmt::format("{} ", i), 200);
      all[0]->append_until_told(1, fmt::format("k{}", i), text);
    }
    const double appended = passed();
    for (const auto& one : all) one->until("all entries", [&] { return one->entries.size() == appends; });
    for (const auto& one : all) alike(*all[0], *one, "many");
    struct rusage used {};
    ::getrusage(RUSAGE_SELF, &used);
    std::printf(
        "%d gateways: %.0f ms to follow, %.1f ms an append, all told %.0f ms after the last, %.1f MiB\n",
        gateways, loaded, appended / appends, passed(), static_cast<double>(used.ru_maxrss) / 1024);
  }

 private:
  template <class Part>
  void part(const char* what, Part&& run) {
    url_.prefix = fmt::format("{}{}/", base_, ++parts_);
    const auto begin = Clock::now();
    run();
    std::printf("ok %s (%.2f s)\n", what, std::chrono::duration<double>(Clock::now() - begin).count());
    std::fflush(stdout);
  }

  void two_makers() {
    TestGateway a(url_, 1), b(url_, 2);
    if (a.load() || b.load()) failed("there is a log before it was made");
    a.ask(engine::Make{bytes_in("of a")});
    a.run_for(std::chrono::milliseconds(50));
    b.ask(engine::Make{bytes_in("of b")});
    b.run_for(std::chrono::milliseconds(50));
    if (!a.load() || !b.load()) failed("no log after it was made");
    if (a.state != "of a" || b.state != a.state || a.epoch != 1 || a.position != b.position)
      failed("two makers have two logs");
  }

  void one_order() {
    TestGateway a(url_, 1), b(url_, 2);
    make(a, "state");
    b.load();
    constexpr int each = 60;
    for (int i = 0; i < each; ++i) {
      a.append(1, fmt::format("a{}", i), fmt::format("of a {}", i));
      b.append(1, fmt::format("b{}", i), fmt::format("of b {}", i));
      a.run_for(std::chrono::milliseconds(1));
      b.run_for(std::chrono::milliseconds(1));
    }
    for (TestGateway* one : {&a, &b})
      one->until("all entries", [one] { return one->entries.size() == 2 * each; });
    alike(a, b, "while both append");
    TestGateway late(url_, 3);
    late.load();
    alike(a, late, "on the way in");
    late.load();
    alike(a, late, "read anew on the same connection");
    if (!late.has("of a 59") || !late.has("of b 0")) failed("an entry is missing");
  }

  void same_key() {
    TestGateway a(url_, 1), b(url_, 2);
    make(a, "state");
    b.load();
    for (int i = 0; i < 3; ++i) {
      a.append(1, "k", "once");
      b.append(1, "k", "once");
    }
    a.append(1, "l", "after");
    a.until("the last one", [&] { return a.has("after"); });
    a.barrier();
    b.barrier();
    b.append(1, "k", "once");
    b.append(1, "m", "at the end");
    b.until("the last one", [&] { return b.has("at the end"); });
    if (b.count("once") != 1) failed("one key is there more than once");
  }

  void seal() {
    TestGateway a(url_, 1), b(url_, 2);
    make(a, "state");
    b.load();
    a.append(1, "k", "before");
    a.until("an entry", [&] { return a.has("before"); });
    a.ask(engine::Seal{1});
    b.ask(engine::Seal{1});
    for (TestGateway* one : {&a, &b}) one->until("a seal", [one] { return one->epoch >= 2; });
    a.append(1, "late", "late");
    a.append(2, "k", "behind");
    b.append(3, "early", "early");
    for (TestGateway* one : {&a, &b})
      one->until("the next epoch", [one] { return one->gap || one->has("behind"); });
    if (a.gap || b.gap) failed("there is a gap behind what was meant for an epoch that was not open");
    a.barrier();
    b.barrier();
    alike(a, b, "after a seal");
    if (a.entries != std::vector<std::string>{"before", "~2", "behind"})
      failed("something got into an epoch that was not open");
    TestGateway late(url_, 3);
    late.load();
    alike(a, late, "over a seal on the way in");
  }

  // Seals epoch `epoch` and keeps the state of the next one, so that what is older goes.
  static void next_epoch(TestGateway& gateway, std::uint64_t epoch, const std::string& state) {
    gateway.ask(engine::Seal{epoch});
    gateway.until("a seal", [&] { return gateway.epoch == epoch + 1; });
    gateway.ask(engine::Keep{epoch + 1, gateway.position, bytes_in(state)});
  }

  static void begins_with(TestGateway& gateway, const std::string& state) {
    const auto end = Clock::now() + std::chrono::seconds(10);
    do {
      gateway.load();
      if (Clock::now() > end) failed("the state is never found");
    } while (gateway.state != state);
  }

  void late_retry() {
    TestGateway a(url_, 1), b(url_, 2);
    make(a, "state 1");
    a.append(1, "k", "first");
    a.until("an entry", [&] { return a.has("first"); });
    a.ask(engine::Seal{1});
    a.until("a seal", [&] { return a.epoch == 2; });
    a.append(1, "k", "first");
    a.append(1, "other", "first");
    a.ask(engine::Keep{2, a.position, bytes_in("state 2")});
    begins_with(b, "state 2");
    a.run_for(std::chrono::milliseconds(200));  // what is older goes meanwhile
    a.append(1, "k", "first");
    a.append(1, "another", "first");
    a.ask(engine::Seal{1});
    a.append(2, "x", "second");
    b.until("the next epoch", [&] { return b.has("second"); });
    b.barrier();
    if (b.entries != std::vector<std::string>{"second"}) failed("a late retry got in");
    next_epoch(a, 2, "state 3");
    a.run_for(std::chrono::milliseconds(200));
    a.append(1, "k", "first");
    a.append(2, "x", "second");
    begins_with(b, "state 3");
    b.barrier();
    if (!b.entries.empty() || b.epoch != 3) failed("a late retry got in two epochs later");
  }

  void two_keepers() {
    const std::string of_a = filled("of a ", 900'000), of_b = filled("of b ", 700'000);
    TestGateway a(url_, 1), b(url_, 2), c(url_, 3);
    make(a, "state");
    b.load();
    a.ask(engine::Seal{1});
    for (TestGateway* one : {&a, &b}) one->until("a seal", [one] { return one->epoch == 2; });
    a.ask(engine::Keep{2, a.position, bytes_in(of_a)});
    b.ask(engine::Keep{2, b.position, bytes_in(of_b)});
    const auto end = Clock::now() + std::chrono::seconds(10);
    do {
      a.run_for(std::chrono::milliseconds(20));
      b.run_for(std::chrono::milliseconds(20));
      c.load();
      if (Clock::now() > end) failed("no state is found");
    } while (c.epoch != 2 || c.state == "state");
    if (c.state != of_a && c.state != of_b) failed("a state is damaged");
    const std::string first = c.state;
    a.run_for(std::chrono::milliseconds(200));
    b.run_for(std::chrono::milliseconds(200));
    c.load();
    if (c.state != first) failed("the state of an epoch was replaced");
    a.append(2, "k", "behind");
    for (TestGateway* one : {&a, &b, &c}) one->until("an entry", [one] { return one->has("behind"); });
  }

  // Whole, or noticed.
  void paused(bool with_barrier) {
    TestGateway writer(url_, 1), reader(url_, 2);
    make(writer, "state 1");
    reader.load();
    reader.paused = true;
    constexpr int entries = 200;
    for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
      for (int i = 0; i < entries; ++i)
        writer.append(epoch, fmt::format("k{}", i), fmt::format("{} {}", epoch, i));
      writer.until("its entries", [&] { return writer.has(fmt::format("{} {}", epoch, entries - 1)); });
      next_epoch(writer, epoch, fmt::format("state {}", epoch + 1));
      writer.run_for(std::chrono::milliseconds(300));
    }
    writer.append(4, "end", "end");
    writer.until("its end", [&] { return writer.has("end"); });
    reader.paused = false;
    reader.ask(engine::Barrier{with_barrier ? 77U : 78U});
    if (!with_barrier) reader.run_for(std::chrono::milliseconds(300));
    reader.until("the end, or that something is missing", [&] {
      return reader.gap ||
             (reader.has("end") &&
              std::ranges::find(reader.reached, with_barrier ? 77U : 78U) != reader.reached.end());
    });
    const bool is_whole = !reader.gap;
    if (is_whole && reader.count("~4") + reader.count("1 0") + reader.count("3 199") != 3)
      failed("entries are missing, and nobody says so");
    reader.load();
    reader.until("the end", [&] { return reader.has("end"); });
    writer.barrier();
    if (reader.state != "state 4" || reader.entries != std::vector<std::string>{"end"})
      failed("what is read anew is not the log");
  }

  void barriers() {
    TestGateway a(url_, 1), b(url_, 2);
    make(a, "state");
    b.load();
    for (int i = 0; i < 20; ++i) {
      const std::string text = fmt::format("entry {}", i);
      a.append(1, fmt::format("k{}", i), text);
      a.until("an entry", [&] { return a.has(text); });
      b.barrier();
      if (!b.has(text)) failed("Reached before what was there");
    }
  }

  void large() {
    TestGateway a(url_, 1), b(url_, 2);
    make(a, "state");
    for (int i = 0; i < 40; ++i) a.append(1, fmt::format("k{}", i), filled(fmt::format("{} ", i), 70'000));
    a.until("all entries", [&] { return a.entries.size() == 40; });
    b.load();
    alike(a, b, "large entries");
  }

  EngineUrl url_;
  std::string base_;
  int parts_ = 0;
};

}  // namespace
}  // namespace coord::engines

int main(int argc, char** argv) {
  using namespace coord;
  if (argc != 2 && argc != 4) {
    std::fprintf(stderr, "usage: engine_verbs URL [append N | many N | without RULE]\n");
    return 64;
  }
  const auto url = parse_engine_url(argv[1]);
  if (!url) engines::failed(url.error().text());
  engines::Story story(*url);
  if (argc == 4 && std::string_view(argv[2]) == "many") {
    story.many(std::atoi(argv[3]));
  } else if (argc == 4 && std::string_view(argv[2]) == "without") {
    story.run_without(argv[3]);
  } else if (argc == 4) {
    story.measure(std::atoi(argv[3]));
  } else {
    story.run();
  }
  return 0;
}
