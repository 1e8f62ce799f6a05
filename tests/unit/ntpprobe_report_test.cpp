// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>

#include "ntpprobe/report.hpp"

using namespace coord;
using namespace coord::ntpprobe;
using namespace std::chrono_literals;

namespace {

ServerResult good_server() {
  ServerResult s;
  s.server = "ntp1";
  s.address = "192.0.2.1";
  s.estimate.emplace();
  s.estimate->offset = 12345ns;
  s.estimate->delay = 1ms;
  s.estimate->jitter = 10us;
  s.bound = 500us;
  s.reply.emplace();
  s.reply->stratum = 1;
  s.reply->reference_id = 0x2247502c;  // "GP, : a server may send anything
  s.counters.sent = s.counters.received = 4;
  s.stamp = "kernel";
  s.verdict = Verdict::truechimer;
  s.used = true;
  return s;
}

Measurement good_measurement() {
  Measurement m;
  m.servers = {good_server()};
  m.majority = true;
  m.offset = -12345ns;
  m.bound = 500us;
  m.used = m.usable = 1;
  return m;
}

}  // namespace

TEST_CASE("seconds with nine decimals, to the ends of the range") {
  CHECK(signed_seconds(0ns) == "+0.000000000");
  CHECK(signed_seconds(123456789ns) == "+0.123456789");
  CHECK(signed_seconds(-1ns) == "-0.000000001");
  CHECK(signed_seconds(-3600s - 5ms) == "-3600.005000000");
  CHECK(plain_seconds(1s) == "1.000000000");
  CHECK(signed_seconds(Duration::min()) == "-9223372036.854775808");
  CHECK(signed_seconds(Duration::max()) == "+9223372036.854775807");
}

TEST_CASE("what a server sends cannot break a line, a cell or a string") {
  const Measurement m = good_measurement();
  CHECK(json_report(m, false).find(R"("refid":"\\x22GP\\x2c")") != std::string::npos);
  CHECK(csv_report(m, false).find(R"(,1,\x22GP\x2c,none,)") != std::string::npos);
  Measurement odd = m;
  odd.servers[0].counters.reasons["kiss code \"A,B\""] = 1;
  CHECK(csv_report(odd, false).find(R"(,"kiss code ""A,B"" 1",)") != std::string::npos);
}

TEST_CASE("a table escapes what a server sends, once") {
  Measurement m = good_measurement();
  m.servers[0].counters.reasons["kiss code \\x1b[2J"] = 1;  // as the reply's check makes it
  const std::string text = text_report(m, {cli::Table::any_width, false, false, false});
  CAPTURE(text);
  CHECK(text.find(R"(  \x22GP\x2c  )") != std::string::npos);
  CHECK(text.find(R"(kiss code \x1b[2J 1)") != std::string::npos);
  CHECK(text.find(R"(\\)") == std::string::npos);
}

TEST_CASE("a reference time that is old or missing is shown") {
  struct Row {
    ntp::Timestamp reference;
    const char* remark;  // in the table
    const char* fact;    // of --verbose
    const char* json;
  };
  const ntp::Timestamp now{0xe8000000'00000000};
  const Row rows[] = {
      {{}, "truechimer, no reference time\n", "reference age       unknown\n", R"("reference_age_s":null)"},
      {now + -25h, "truechimer, reference 25 h old\n", "reference age       90000.000000000 s\n",
       R"("reference_age_s":90000)"},
      {now + -64s, "truechimer\n", "reference age       64.000000000 s\n", R"("reference_age_s":64)"},
      {now, "truechimer\n", "reference age       0.000000000 s\n", R"("reference_age_s":0)"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.remark);
    Measurement m = good_measurement();
    m.servers[0].reply->reference = row.reference;
    m.servers[0].reply->receive = m.servers[0].reply->transmit = now;
    CHECK(text_report(m, {cli::Table::any_width, false, false, false}).ends_with(row.remark));
    CHECK(text_report(m, {cli::Table::any_width, false, true, false}).find(row.fact) != std::string::npos);
    CHECK(json_report(m, false).find(row.json) != std::string::npos);
  }
}

TEST_CASE("a server's label names its address where that says more") {
  ServerResult s = good_server();
  CHECK(server_label(s) == "ntp1 (192.0.2.1)");
  s.server = "192.0.2.1";
  CHECK(server_label(s) == "192.0.2.1");
  s.server = "192.0.2.1:1234";
  CHECK(server_label(s) == "192.0.2.1:1234");
  s.server = "[2001:db8::1]:1234";
  s.address = "2001:db8::1";
  CHECK(server_label(s) == "[2001:db8::1]:1234");
  s.address = "";
  CHECK(server_label(s) == "[2001:db8::1]:1234");
}

TEST_CASE("Nagios: statuses and thresholds") {
  struct Row {
    std::optional<Duration> warn, crit;
    std::optional<unsigned> max_stratum;
    int status;
  };
  const Row rows[] = {
      {{}, {}, {}, 0},      {12345ns, 12345ns, {}, 0},  // at the limit is well
      {12344ns, {}, {}, 1}, {0ns, 12344ns, {}, 2},     {{}, 12344ns, {}, 2},
      {{}, {}, 1, 0},       {12344ns, 1s, 1, 1},
  };
  for (const Row& row : rows) {
    const CheckResult r = check_report(good_measurement(), {row.warn, row.crit, row.max_stratum});
    CAPTURE(r.line);
    CHECK(r.status == row.status);
    CHECK(std::count(r.line.begin(), r.line.end(), '|') == 1);
    CHECK(std::count(r.line.begin(), r.line.end(), '\n') == 1);
  }
  Measurement high = good_measurement();
  high.servers[0].reply->stratum = 5;
  CHECK(check_report(high, {{}, {}, 4}).status == 2);
  Measurement none = good_measurement();
  none.majority = false;
  CHECK(check_report(none, {}).status == 3);
  none.usable = 0;
  CHECK(check_report(none, {}).status == 2);
  CHECK(check_unknown("a|b\nc").line == "NTP UNKNOWN: a b c\n");
}

TEST_CASE("a line of a watched pipe") {
  Measurement m = good_measurement();
  CHECK(watch_line(m) == "1970-01-01T00:00:00.000Z -0.000012345 0.000500000 1/1\n");
  m.majority = false;
  m.usable = 0;
  m.used = 0;
  m.servers[0].counters.reasons["no reply"] = 2;
  CHECK(watch_line(m) == "1970-01-01T00:00:00.000Z - - 0/1 no usable reply (no reply 2)\n");
}
