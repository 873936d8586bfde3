# class: idiom
# about: An event loop
# case: ["3\n", "[0, 1, 4]"]
import asyncio


async def square(n):
    await asyncio.sleep(0.001)
    return n * n


async def main():
    print(await asyncio.gather(*(square(i) for i in range(int(input())))))


asyncio.run(main())
