// SPDX-License-Identifier: MIT
// What dcast --listen says of what its peer tells it: casts, and what is missing.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "base/descriptor.hpp"
#include "cli/run.hpp"
#include "dcast/listener.hpp"

using namespace coord;
using namespace coord::dcast;

namespace {

// What is written to a descriptor of this process from now on.
class Written {
 public:
  explicit Written(int fd)
      : fd_(fd), before_(::dup(fd)), file_(::open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600)) {
    REQUIRE(file_.get() >= 0);
    REQUIRE(cli::flush());
    REQUIRE(::dup2(file_.get(), fd_) == fd_);
  }
  std::string end() {
    const bool flushed = static_cast<bool>(cli::flush());
    (void)::dup2(before_.get(), fd_);
    REQUIRE(flushed);
    std::string text(4096, '\0');
    const auto bytes = ::pread(file_.get(), text.data(), text.size(), 0);
    text.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
    return text;
  }

 private:
  int fd_;
  Descriptor before_, file_;
};

const casts::ToTool gap = casts::Gap{{{{NodeId{1}, 10, 7}, "a"}, {{NodeId{2}, 11, 3}, "b\x1b"}}};
casts::ToTool came(std::uint64_t number, const std::string& payload) {
  return casts::Came{{NodeId{2}, 11, number}, {"talk", "alice", 1000, "b", {}, payload}};
}

std::string said(int fd, const Settings& settings, const std::vector<casts::ToTool>& told) {
  Listener listener(settings);
  Written written(fd);
  for (const casts::ToTool& one : told) {
    const auto took = listener.take(one);
    if (!took.reply) (void)written.end();
    REQUIRE(took.reply);
    REQUIRE_FALSE(took.end);
  }
  return written.end();
}

}  // namespace

TEST_CASE("a gap is a record of --json before the cast that follows it, with ids and hosts", "[dcast]") {
  Settings settings;
  settings.name = "talk";
  settings.causal = settings.json = true;
  const std::string text = said(STDOUT_FILENO, settings, {gap, came(4, "x")});
  CHECK(text.substr(0, text.find('\n')) ==
        R"({"schema":1,"event":"gap","name":"talk","missing":[{"id":"1-a-7","host":"a"},)"
        R"({"id":"2-b-3","host":"b\u001b"}]})");
  CHECK(text.find(R"("event":"cast","name":"talk","id":"2-b-4")") != std::string::npos);
}

TEST_CASE("a gap is named on standard error, and no name in it moves the cursor", "[dcast]") {
  Settings settings;
  settings.name = "talk";
  settings.causal = settings.quiet = true;
  CHECK(said(STDERR_FILENO, settings, {gap}) ==
        "dcast: talk: a gap before the next one: 1-a-7 of a, 2-b-3 of b\\x1b did not come\n");
}

TEST_CASE("lost casts are a record in their place, and a cast that comes twice is said once", "[dcast]") {
  Settings settings;
  settings.name = "talk";
  settings.json = true;
  const std::string text =
      said(STDOUT_FILENO, settings, {came(4, "x"), casts::Lost{3}, came(4, "x"), came(5, "y")});
  const auto lost = text.find(R"({"schema":1,"event":"lost","name":"talk","count":3})");
  REQUIRE(lost != std::string::npos);
  CHECK(text.find("2-b-4") < lost);
  CHECK(text.find("2-b-4", lost) == std::string::npos);
  CHECK(text.find("2-b-5") > lost);
}
