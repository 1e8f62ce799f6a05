// SPDX-License-Identifier: MIT
// The real disk: a temporary directory, its lock, and what must not be opened.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "store/directory_lock.hpp"
#include "store/posix_disk.hpp"
#include "store_fixture.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace coord::store;
namespace fs = std::filesystem;

namespace {

struct Place {
  std::string state() const { return directory.path() + "/state"; }
  TemporaryDirectory directory;
};

}  // namespace

TEST_CASE("a store in a real directory comes back after it was closed") {
  const Place directory;
  {
    const auto disk = PosixDisk::open_directory(directory.state()).value();
    Opened opened = open_ok(*disk);
    CHECK(opened.was_empty);
    for (std::uint64_t index = 1; index <= 40; ++index) {
      REQUIRE(opened.store.persist(append(1, index, 1, 700)).ok());
      REQUIRE(opened.store.prepare().ok());
    }
    REQUIRE(opened.store.save_snapshot(snapshot(1, 30)).ok());
    REQUIRE(opened.store.reserve_tokens(Token{9}).ok());
    CHECK_FALSE(opened.store.nearly_full());
  }
  const auto disk = PosixDisk::open_directory(directory.state()).value();
  const Opened opened = open_ok(*disk);
  CHECK(opened.recovered.snapshot == snapshot(1, 30));
  CHECK(opened.recovered.entries.size() == 10);
  CHECK(opened.store.tokens_reserved() == Token{9});
  for (const auto& file : fs::directory_iterator(directory.state())) {
    struct stat status {};
    REQUIRE(::stat(file.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
}

TEST_CASE("a directory that others may write to, a link, a file in its place are refused") {
  const Place directory;
  SECTION("others may write") {
    REQUIRE(::mkdir(directory.state().c_str(), 0700) == 0);
    REQUIRE(::chmod(directory.state().c_str(), 0770) == 0);
  }
  SECTION("a link") {
    fs::create_directory_symlink("/", directory.state());
  }
  SECTION("a file") {
    std::ofstream(directory.state()) << "x";
  }
  const auto disk = PosixDisk::open_directory(directory.state());
  REQUIRE_FALSE(disk.ok());
  CHECK(disk.error().text().find(directory.state() + ": ") == 0);
}

TEST_CASE("a link, a fifo or a directory under a segment's name is an error, and nothing hangs") {
  const Place directory;
  const auto disk = PosixDisk::open_directory(directory.state()).value();
  const std::string path = directory.state() + "/" + segment_name(1);
  SECTION("a link") {
    fs::create_symlink("/etc/passwd", path);
  }
  SECTION("a fifo") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  SECTION("a directory") {
    fs::create_directory(path);
  }
  CHECK_FALSE(Store::open(*disk, identity(), small()).ok());
}

TEST_CASE("the state directory has one user for life, the second is told which process it is") {
  const Place directory;
  const auto disk = PosixDisk::open_directory(directory.state()).value();
  CHECK_FALSE(DirectoryLock::holder(directory.state()).value().has_value());
  {
    DirectoryLock lock = DirectoryLock::take(*disk).value();
    const auto second = DirectoryLock::take(*disk);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().text().find("in use by process " + std::to_string(::getpid())) != std::string::npos);
    REQUIRE(lock.announce("/run/coordutils/socket").ok());
    const auto holder = DirectoryLock::holder(directory.state()).value();
    REQUIRE(holder.has_value());
    CHECK(holder->pid == ::getpid());
    CHECK(holder->socket == "/run/coordutils/socket");
  }
  CHECK_FALSE(DirectoryLock::holder(directory.state()).value().has_value());
  CHECK(DirectoryLock::take(*disk).ok());
}

TEST_CASE("a process that is killed leaves no lock behind") {
  const Place directory;
  const auto disk = PosixDisk::open_directory(directory.state()).value();
  int ready[2] = {};
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto lock = DirectoryLock::take(*disk);
    (void)!::write(ready[1], lock.ok() ? "y" : "n", 1);
    for (;;) ::pause();
  }
  char answer = 0;
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  CHECK_FALSE(DirectoryLock::take(*disk).ok());
  CHECK(DirectoryLock::holder(directory.state()).value()->pid == child);
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(DirectoryLock::take(*disk).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}
