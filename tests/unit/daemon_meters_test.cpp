// SPDX-License-Identifier: MIT
// What a peer counts for monitoring.
#include <catch2/catch.hpp>
#include <chrono>

#include "daemon/journal.hpp"
#include "daemon/meters.hpp"

using namespace coord;
using namespace std::chrono_literals;

TEST_CASE("a histogram counts a value at its bound, and what is above all bounds only in the whole") {
  daemon::Histogram histogram({0.01, 1});
  for (const Duration time : {Duration(10ms), Duration(11ms), Duration(1s), Duration(2s), Duration(-1s)})
    histogram.observe(time);
  CHECK(histogram.at_most(0) == 2);
  CHECK(histogram.at_most(1) == 4);
  CHECK(histogram.count() == 5);
  CHECK(histogram.sum_s() == Approx(3.021));
}

TEST_CASE("labels are escaped, and are UTF-8") {
  CHECK(daemon::label_text("a\"b\\c\nd") == "a\\\"b\\\\c\\nd");
  CHECK(daemon::label_text("\xFFx") == "\xEF\xBF\xBDx");
}

TEST_CASE("a name counts by itself only if it is listed") {
  daemon::Meters meters;
  meters.named.try_emplace("job");
  meters.granted({"job", "other"}, 1s);
  meters.held({"job"}, 2s);
  meters.lost({"other"});
  const std::string page = daemon::open_metrics(meters, {});
  CHECK(page.find("coordutils_named_grants_total{name=\"job\"} 1\n") != std::string::npos);
  CHECK(page.find("coordutils_named_losses_total{name=\"job\"} 0\n") != std::string::npos);
  CHECK(page.find("coordutils_losses_total 1\n") != std::string::npos);
  CHECK(page.find("other") == std::string::npos);
}

TEST_CASE("an entry of the journal: a value with a line break has its length before it") {
  const std::string entry = daemon::journal_entry(net::LogLevel::warning, "line",
                                                  {{"COORD_NAME", "a\nb"}, {"COORD_EVENT", "loss"}});
  CHECK(entry == std::string("MESSAGE=line\nPRIORITY=4\nSYSLOG_IDENTIFIER=coordd\nCOORD_NAME\n") +
                     std::string("\x03\0\0\0\0\0\0\0", 8) + "a\nb\nCOORD_EVENT=loss\n");
}

TEST_CASE("each state of a member has its sample, and it is in one of them") {
  daemon::Gauges gauges;
  gauges.members = {{"beta", "recovering", {}}, {"gamma", "dead", {}}};
  const std::string page = daemon::open_metrics({}, gauges);
  const auto has = [&page](const char* line) { return page.find(line) != std::string::npos; };
  CHECK(has("coordutils_member_state{peer=\"beta\",state=\"recovering\"} 1\n"));
  CHECK(has("coordutils_member_state{peer=\"beta\",state=\"alive\"} 0\n"));
  CHECK(has("coordutils_member_state{peer=\"gamma\",state=\"recovering\"} 0\n"));
  CHECK(has("coordutils_member_state{peer=\"gamma\",state=\"dead\"} 1\n"));
}
