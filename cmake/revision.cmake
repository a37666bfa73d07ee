# DARKROOM_REVISION: the commit that is built, for what a running server says of itself. Where there is
# no repository, as in a container image's build, the environment's; else it follows the checkout.
if(DEFINED ENV{DARKROOM_REVISION})
  string(SUBSTRING "$ENV{DARKROOM_REVISION}" 0 12 DARKROOM_REVISION)
else()
  set(DARKROOM_REVISION unknown)
  find_package(Git QUIET)
  if(GIT_FOUND)
    execute_process(
      COMMAND ${GIT_EXECUTABLE} rev-parse --short=12 HEAD
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      OUTPUT_VARIABLE _revision OUTPUT_STRIP_TRAILING_WHITESPACE
      ERROR_QUIET RESULT_VARIABLE _failed)
    execute_process(
      COMMAND ${GIT_EXECUTABLE} rev-parse --path-format=absolute --git-path logs/HEAD
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      OUTPUT_VARIABLE _moves OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT _failed)
      set(DARKROOM_REVISION ${_revision})
    endif()
    if(EXISTS "${_moves}")  # Written whenever another commit is checked out or made.
      set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_moves})
    endif()
  endif()
endif()
