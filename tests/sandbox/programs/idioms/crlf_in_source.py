# class: idiom
# about: A source with CR LF line ends
# case: ["4\n", "16\n'a\\nb'"]
n = int(input())@CR@
text = """a@CR@
b"""@CR@
if n:@CR@
    print(n \@CR@
          * n)@CR@
print(repr(text))@CR@
